"""Trains the story's networks on CIFAR-10, one checkpoint an epoch, and goes on where it stopped.

Checkpoints lie in `$XDG_CACHE_HOME/normdrop-story` (`~/.cache` when unset), one file a variant. A
stopped run that goes on ends with the same weights as one that was not stopped.
"""

import os
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch
from story.network import network
from torch import Tensor, nn
from torch.nn import functional

from normdrop.lab.data import Split, load

EPOCHS = 4
_BATCH = 64
_RATE = 4e-3
_DECAY = 1e-2
# Of CIFAR-10's training images, per channel.
_MEAN = (0.4914, 0.4822, 0.4465)
_DEVIATION = (0.2470, 0.2435, 0.2616)

Batch = tuple[Tensor, Tensor]


def trained(variant: str) -> nn.Module:
    """The network after all epochs, in eval mode; trained now if it has not been yet.

    AdamW with weight decay 0.01 on batches of 64, a learning rate that falls from 0.004 to 0 along
    half a cosine: over the last steps the weights hardly move, so that the running statistics
    (momentum 0.1) fit them. Half of the images are mirrored.
    """
    torch.manual_seed(0)
    model = network(variant).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(model.parameters(), _RATE, weight_decay=_DECAY)
    steps = EPOCHS * (len(_split("train")) // _BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
    for epoch in range(_restored(variant, parts), EPOCHS):
        start = time.perf_counter()
        loss = _epoch(model, optimizer, schedule, epoch)
        _keep(variant, parts, epoch + 1)
        took = time.perf_counter() - start
        print(
            f"{variant}: epoch {epoch + 1} of {EPOCHS}, loss {loss:.3f}, {took:.0f} s", flush=True
        )
    return model.eval()


def batches(name: str, limit: int | None = None, size: int = 500) -> Iterator[Batch]:
    """Images of one split ("train" or "test") as they stand, with their labels."""
    split = _split(name)
    count = len(split) if limit is None else limit
    for start in range(0, count, size):
        rows = slice(start, min(start + size, count))
        yield (
            _normalised(torch.from_numpy(split.inputs[rows])),
            torch.from_numpy(split.targets[rows]),
        )


def file_of(variant: str) -> Path:
    """Where a variant's checkpoint is kept."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "normdrop-story" / f"{variant.replace(' ', '-')}.pt"


def _epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    epoch: int,
) -> float:
    """One pass over the training images, all its randomness drawn from the epoch's number."""
    torch.manual_seed(epoch)
    split = _split("train")
    images, labels = torch.from_numpy(split.inputs), torch.from_numpy(split.targets)
    order = torch.randperm(len(split))
    model.train()
    total, steps = 0.0, len(split) // _BATCH
    for rows in order.split(_BATCH)[:steps]:
        loss = functional.cross_entropy(model(_normalised(_mirrored(images[rows]))), labels[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch types it so
        optimizer.step()
        schedule.step()
        total += loss.item()
    return total / steps


def _mirrored(images: Tensor) -> Tensor:
    """The images, half of them mirrored."""
    chosen = torch.rand(len(images), 1, 1, 1) < 0.5  # noqa: PLR2004 - half
    return torch.where(chosen, images.flip(3), images)


def _normalised(images: Tensor) -> Tensor:
    mean, deviation = (torch.tensor(each).view(3, 1, 1) for each in (_MEAN, _DEVIATION))
    scaled = images.float().div_(255).sub_(mean).div_(deviation)
    return scaled.contiguous(memory_format=torch.channels_last)


@cache
def _split(name: str) -> Split:
    data = load("cifar-10")
    return data.train if name == "train" else data.test


def _restored(variant: str, parts: dict[str, nn.Module | object]) -> int:
    """Load the last checkpoint, if there is one; the number of epochs done."""
    path = file_of(variant)
    if not path.exists():
        return 0
    kept = torch.load(path, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(kept[name])  # type: ignore[attr-defined] # all of them have it
    return int(kept["epoch"])


def _keep(variant: str, parts: dict[str, nn.Module | object], epoch: int) -> None:
    path = file_of(variant)
    path.parent.mkdir(parents=True, exist_ok=True)
    states = {name: part.state_dict() for name, part in parts.items()}  # type: ignore[attr-defined]
    torch.save({**states, "epoch": epoch}, path.with_suffix(".partial"))
    path.with_suffix(".partial").replace(path)
