"""Trains the family on real data until its statistics settle, and keeps what was seen on the way.

    NORMDROP_DATA=... python -m family     # from benchmarks/, resumes where it stopped

Results lie in `$XDG_CACHE_HOME/normdrop-family` (`~/.cache` when unset), one file per member.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from family.images import examples
from family.members import Member
from family.truth import Moments, Truth, brute_force, norms, statistics, watching

STEPS = 400
AGES = (25, 100, 250, STEPS)
MOMENTA = (0.1, 0.03, 0.01, 0.003)
_BATCH = 64
_SETTLING = 120
_RATE = 4e-3
_WIDE_BATCH = 512

State = dict[str, Tensor]


@dataclass(frozen=True)
class Age:
    """A network part-way through training, its statistics kept with several momenta.

    Attributes:
        weights: The whole state dict.
        running: Momentum to the running statistics (unbiased variance) kept with it.
        train: What train mode really is with these weights.
    """

    weights: State
    running: dict[float, dict[str, Moments]]
    train: dict[str, Moments]


@dataclass(frozen=True)
class Trained:
    """One member, trained.

    Attributes:
        state: State dict after training and settling.
        truths: Brute-force measurements on real data from separate draws of inputs and noise.
        ages: Step to what the network was then.
    """

    state: State
    truths: list[dict[str, Truth]]
    ages: dict[int, Age]


def cached(member: Member) -> Trained | None:
    """The trained member, if it has been trained already."""
    path = file_of(member)
    if not path.exists():
        return None
    trained = torch.load(path, weights_only=False)  # a file this script wrote
    if not isinstance(trained, Trained):
        raise TypeError(f"{path} is not from this script; remove it")
    return trained


def train(member: Member) -> Trained:
    """AdamW with one cosine cycle down to 0, then train-mode passes until statistics settle."""
    torch.manual_seed(1)
    inputs, labels = examples(member)
    model = member.build(seed=1)
    optimizer = torch.optim.AdamW(model.parameters(), _RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    shadow = _Shadow(model)
    ages = {}
    for step, rows in enumerate(_rows(len(inputs), STEPS), 1):
        model.train()
        with watching(model, shadow.see):
            loss = functional.cross_entropy(model(inputs[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch types it so
        optimizer.step()
        schedule.step()
        if step in AGES:
            ages[step] = _age(model, shadow, _wide(inputs, 6))
    with torch.no_grad():
        for rows in _rows(len(inputs), _SETTLING):
            model(inputs[rows])
    state = _copy(model)
    truths = [_truth(member, state, inputs, seed) for seed in (2, 3)]
    return Trained(state, truths, ages)


class _Shadow:
    """Running statistics with several momenta at once; momentum does not change training."""

    def __init__(self, model: nn.Module) -> None:
        start = {
            path: Moments(torch.zeros(norm.num_features), torch.ones(norm.num_features))
            for path, norm in norms(model).items()
        }
        self.values = {momentum: dict(start) for momentum in MOMENTA}

    def see(self, path: str, x: Tensor) -> None:
        """Move every copy by its momentum towards the batch."""
        axes = [axis for axis in range(x.ndim) if axis != 1]
        mean, variance = x.detach().mean(axes), x.detach().var(axes, correction=1)
        for momentum, values in self.values.items():
            old = values[path]
            values[path] = Moments(
                old.mean.lerp(mean, momentum), old.variance.lerp(variance, momentum)
            )


def _age(model: nn.Module, shadow: _Shadow, batches: list[Tensor]) -> Age:
    weights = _copy(model)
    running = {momentum: dict(values) for momentum, values in shadow.values.items()}
    really = statistics(model, batches, train=True)
    model.load_state_dict(weights)
    return Age(weights, running, really)


def _truth(member: Member, state: State, inputs: Tensor, seed: int) -> dict[str, Truth]:
    torch.manual_seed(seed)
    model = member.build()
    model.load_state_dict(state)
    return brute_force(model, _wide(inputs, 10))


def _wide(inputs: Tensor, count: int) -> list[Tensor]:
    return [inputs[torch.randint(len(inputs), (_WIDE_BATCH,))] for _ in range(count)]


def _rows(size: int, steps: int) -> Iterator[Tensor]:
    for _ in range(steps):
        yield torch.randint(size, (_BATCH,))


def _copy(model: nn.Module) -> State:
    return {key: value.clone() for key, value in model.state_dict().items()}


def file_of(member: Member) -> Path:
    """Where a trained member is kept."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "normdrop-family" / f"{member.name}.pt"
