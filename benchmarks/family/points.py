"""Predicted against true shifts over the family: what the tests, the table and the figure show."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from family.members import FAMILY, Member
from family.training import Age, Trained, cached, file_of
from family.truth import Moments, Truth, brute_force, install, norms
from normdrop.shift import ShiftReport
from normdrop.torch._fit import INITIAL_ABOVE, Fit, initial_share
from normdrop.torch._synthetic import pink_noise
from normdrop.torch.invert import invert, stored_fit
from normdrop.torch.simulate import simulate

Group = Literal["fresh", "trained"]
_SHIFTED = 0.02
_LAGS, _SETTLED = 0.15, 0.05
_MANY = 1000


@dataclass(frozen=True)
class Point:
    """One norm layer: what was predicted, what is true, and how far two truths differ."""

    group: Group
    member: str
    path: str
    predicted: float
    true: float
    spread: float

    @property
    def error(self) -> float:
        """|log(predicted / true)|."""
        return abs(math.log(self.predicted / self.true))

    @property
    def shifted(self) -> bool:
        """Whether the true shift lies beyond 1 ± 0.02."""
        return abs(self.true - 1) > _SHIFTED


@dataclass(frozen=True)
class Lag:
    """One model's statistics: how far they lag, and what was found out.

    Attributes:
        member: Name of the network.
        kind: `"settled"`, the momentum they were kept with, or the step they were left at.
        step: Training steps behind the weights.
        size: The largest |log(stored variance / train variance)| over layers, ratios of channel
            means as everywhere.
        fit: What was found.
    """

    member: str
    kind: str
    step: int
    size: float
    fit: Fit

    @property
    def label(self) -> Literal["lagging", "settled", "between"]:
        """Beyond 15 % is lagging, within 5 % is settled."""
        if self.size > _LAGS:
            return "lagging"
        return "settled" if self.size < _SETTLED else "between"


def fresh(member: Member) -> Iterator[Point]:
    """`simulate` on fresh weights against brute force on separate draws of the same inputs."""
    truths = _fresh_truths(member)
    yield from _points("fresh", member, simulate(member.build(), member.shape, blame=False), truths)


def trained(member: Member, state: Trained) -> Iterator[Point]:
    """`invert` on trained weights against brute force on real data."""
    model = member.build()
    model.load_state_dict(state.state)
    report = invert(model, member.shape, blame=False)
    if not any(layer.unknown for layer in report):
        yield from _points("trained", member, report, state.truths)


def lags(member: Member, state: Trained) -> list[Lag]:
    """Settled statistics, ones kept with several momenta, and ones left at an earlier step."""
    path = file_of(member).with_suffix(".lags.pt")
    if not path.exists():
        torch.save(list(_lags(member, state)), path)
    found: list[Lag] = torch.load(path, weights_only=False)  # our own file
    return found


def _lags(member: Member, state: Trained) -> Iterator[Lag]:
    earlier = None
    for step, age in state.ages.items():
        yield _lag(member, step, age, "settled", age.train)
        for momentum, running in age.running.items():
            kind = f"momentum {momentum}"
            yield _lag(member, step, age, kind, running, momentum=momentum, batches=step)
        if earlier is not None:
            left = f"left at {earlier}"
            yield _lag(member, step, age, left, state.ages[earlier].train)
        earlier = step


def trained_members() -> Iterator[tuple[Member, Trained]]:
    """Members that have been trained, with their weights."""
    for member in FAMILY:
        state = cached(member)
        if state is not None:
            yield member, state


def quantiles(points: Iterable[Point]) -> tuple[float, float, float]:
    """Median, 90th percentile and largest error."""
    errors = [point.error for point in points]
    if not errors:
        return (math.nan,) * 3
    return float(np.median(errors)), float(np.quantile(errors, 0.9)), max(errors)


def rank_correlation(points: Iterable[Point]) -> float:
    """Spearman's correlation of predicted and true shifts."""
    pairs = np.array([(point.predicted, point.true) for point in points])
    ranks = pairs.argsort(axis=0).argsort(axis=0)
    return float(np.corrcoef(ranks.T)[0, 1])


def _points(
    group: Group, member: Member, report: ShiftReport, truths: list[dict[str, Truth]]
) -> Iterator[Point]:
    for layer in report:
        shifts = [truth[layer.path].shift for truth in truths]
        true = math.exp(float(np.mean(np.log(shifts))))
        spread = abs(math.log(shifts[0] / shifts[1]))
        yield Point(group, member.name, layer.path, layer.shift, true, spread)


def _fresh_truths(member: Member) -> list[dict[str, Truth]]:
    path = file_of(member).with_suffix(".fresh.pt")
    if not path.exists():
        truths = [_fresh_truth(member, seed) for seed in (11, 12)]
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(truths, path)
    found: list[dict[str, Truth]] = torch.load(path, weights_only=False)  # our own file
    return found


def _fresh_truth(member: Member, seed: int) -> dict[str, Truth]:
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    batches = [pink_noise((256, *member.shape), generator) for _ in range(6)]
    return brute_force(member.build(), batches)


def _lag(
    member: Member,
    step: int,
    age: Age,
    kind: str,
    kept: dict[str, Moments],
    *,
    momentum: float = 0.1,
    batches: int = _MANY,
) -> Lag:
    model = member.build()
    model.load_state_dict(age.weights)
    install(model, kept)
    ratios = []
    for path, norm in norms(model).items():
        norm.momentum = momentum
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked.fill_(batches)
        ratios.append(kept[path].variance.mean() / age.train[path].variance.mean())
    size = max(abs(math.log(ratio.item())) for ratio in ratios)
    initial = initial_share(model)
    # What the count of batches settles needs no inversion.
    found = Fit(math.nan, initial) if initial > INITIAL_ABOVE else stored_fit(model, member.shape)
    return Lag(member.name, kind, step, size, found)
