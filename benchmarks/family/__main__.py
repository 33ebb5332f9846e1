"""Trains every member that is not there yet, on one thread."""

import time

import torch

from family.members import FAMILY, Member
from family.training import file_of, train

torch.set_num_threads(1)


def cost(member: Member) -> float:
    """Seconds of one forward pass, so that the quick ones are there first."""
    model, inputs = member.build(), torch.randn(64, *member.shape)
    start = time.perf_counter()
    model(inputs)
    return time.perf_counter() - start


for member in sorted(FAMILY, key=cost):
    if file_of(member).exists():
        continue
    start = time.perf_counter()
    trained = train(member)
    file_of(member).parent.mkdir(parents=True, exist_ok=True)
    partial = file_of(member).with_suffix(".partial")
    torch.save(trained, partial)
    partial.replace(file_of(member))
    shifts = " ".join(f"{truth.shift:.3f}" for truth in trained.truths[0].values())
    print(f"{member.name}: {time.perf_counter() - start:.0f} s, {shifts}", flush=True)
