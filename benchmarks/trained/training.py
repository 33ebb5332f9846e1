"""Trains the networks until their statistics settle, and keeps their weights.

    NORMDROP_DATA=... PYTHONPATH=FOLDER python -m trained.training     # from benchmarks/

Weights lie in `$XDG_CACHE_HOME/normdrop-trained` (`~/.cache` when unset), one file per network and
seed; a run that was stopped goes on where it was.
"""

import os
import sys
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from trained.data import Data, load
from trained.members import Member, members

SEEDS = (1, 2)
_SETTLING = 40


def trained(member: Member, seed: int, behind: str = "") -> nn.Module | None:
    """The network in eval mode, if it has been trained already.

    Args:
        member: Which.
        seed: Of weights and batches.
        behind: At which step its statistics stopped, by default never.
    """
    path = file_of(member, seed)
    if not path.exists():
        return None
    net = member.build()
    kept = torch.load(path, weights_only=True)
    net.load_state_dict(kept["state"] | (kept["behind"][behind] if behind else {}))
    return net.eval()


def train(member: Member, seed: int) -> nn.Module:
    """AdamW with one cosine cycle down to 0, then train-mode passes until statistics settle."""
    torch.manual_seed(seed)
    data = load(member.data)
    net = member.build().train()
    optimizer = torch.optim.AdamW(net.parameters(), member.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, member.steps)
    behind: dict[str, dict[str, Tensor]] = {}
    for step in range(member.steps):
        if step in (member.steps // 4, member.steps // 2):
            behind[f"{step}"] = {
                k: v.clone() for k, v in net.state_dict().items() if "running_" in k
            }
        rows = torch.randint(len(data.inputs), (member.batch,))
        optimizer.zero_grad()
        loss(data, net(data.inputs[rows]), data.targets[rows]).backward()  # type: ignore[no-untyped-call] # torch types it so
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        for _ in range(_SETTLING):
            net(data.inputs[torch.randint(len(data.inputs), (member.batch,))])
    path = file_of(member, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state": net.state_dict(), "behind": behind}, path)
    return net.eval()


def loss(data: Data, outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy, or squared error where the targets are values."""
    if data.regression:
        return functional.mse_loss(outputs.flatten(), targets)
    return functional.cross_entropy(outputs, targets)


def file_of(member: Member, seed: int) -> Path:
    """Where the weights are kept."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "normdrop-trained" / f"{member.name}-{seed}.pt"


def main() -> None:
    """Train what is not trained yet."""
    for seed in SEEDS:
        for member in members():
            if not file_of(member, seed).exists():
                begun = time.process_time()
                train(member, seed)
                print(
                    member.name,
                    seed,
                    f"{time.process_time() - begun:.0f} s",
                    file=sys.stderr,
                    flush=True,
                )


if __name__ == "__main__":
    main()
