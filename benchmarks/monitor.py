"""What watching the shift adds to training: the same loop with and without the monitor.

    python benchmarks/monitor.py        # prints, and writes monitor.txt

Both loops train on the same batches and take turns step by step, so that whatever else the machine
does meets both alike. The process' CPU time of a hundred steps of each is compared; the table has
the median of the ratios and their quartiles. Beside it stands the monitor's own account,
`ShiftMonitor.share`.
"""

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from story.network import network
from torch import Tensor, nn
from torch.nn import functional

from normdrop.torch import ShiftMonitor

_STEPS = 100
_GOAL = 0.03


@dataclass(frozen=True)
class Case:
    """A training loop, and how often it is watched."""

    name: str
    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    batch: int
    every: int
    repeats: int


def perceptron() -> nn.Module:
    """A network so small that calls cost more than arithmetic."""
    widths = (32, 64, 64, 64)
    layers = [
        nn.Sequential(nn.Linear(*pair), nn.Dropout(0.5), nn.BatchNorm1d(pair[1]), nn.ReLU())
        for pair in pairwise(widths)
    ]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 10))


def residual() -> nn.Module:
    """The story's PreResNet, dropout before the last norm of each branch."""
    return network("before the last norm")


CASES = (
    Case("PreResNet", residual, (3, 32, 32), 32, 100, 5),
    Case("PreResNet", residual, (3, 32, 32), 32, 25, 5),
    Case("perceptron", perceptron, (32,), 64, 100, 31),
    Case("perceptron", perceptron, (32,), 64, 25, 31),
)


def loop(case: Case, model: nn.Module) -> Callable[[ShiftMonitor | None], float]:
    """A function that trains the model one step further and returns the seconds it took."""
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    batches = _batches(case)

    def train(monitor: ShiftMonitor | None) -> float:
        inputs, targets = next(batches)
        start = time.process_time()
        optimizer.zero_grad()
        functional.cross_entropy(model(inputs), targets).backward()  # type: ignore[no-untyped-call] # torch types it so
        optimizer.step()
        if monitor is not None:
            monitor.step()
        return time.process_time() - start

    return train


def _batches(case: Case) -> Iterator[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(case.batch, *case.shape, generator=generator)
    targets = torch.randint(10, (case.batch,), generator=generator)
    while True:
        yield inputs, targets


def run(case: Case) -> str:
    """One line of the table."""
    torch.manual_seed(0)
    model = case.build()
    twin = copy.deepcopy(model)
    plain, watched = loop(case, model), loop(case, twin)
    ratios, shares = [], []
    for repeat in range(case.repeats + 1):
        without = together = 0.0
        with ShiftMonitor(twin, case.every, warn=False) as monitor:
            for _ in range(_STEPS):
                without += plain(None)
                together += watched(monitor)
        if repeat:  # the first is for warming up
            ratios.append(together / without - 1)
            # the monitor was idle while the plain loop ran
            shares.append(monitor.share * (without + together) / together)
    low, median, high = np.quantile(ratios, (0.25, 0.5, 0.75))
    share = float(np.median(shares))
    verdict = "" if share < _GOAL else "   above the goal"
    return (
        f"{case.name:11} {case.batch:5} {case.every:6} {median:+9.2%} ({low:+.2%} to {high:+.2%})"
        f" {share:8.2%}{verdict}"
    )


def main() -> None:
    """Print the table and keep it."""
    torch.set_num_threads(1)
    lines = [
        f"torch {torch.__version__}, 1 thread; goal: under {_GOAL:.0%} of the training time",
        "network     batch  every   process CPU time (quartiles)      own account",
    ]
    print("\n".join(lines), flush=True)
    for case in CASES:
        lines.append(run(case))
        print(lines[-1], flush=True)
    (Path(__file__).parent / "monitor.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
