"""Predicted against true shifts over the family: what the tests, the table and the figure show."""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

import normdrop
from family.members import Member
from family.training import Age, Trained, cached, file_of
from family.truth import Moments, Truth, brute_force, install, norms
from normdrop.shifts.expected import INITIAL_ABOVE, StoredFit
from normdrop.shifts.moments import expected_shifts
from normdrop.shifts.report import LayerShift
from normdrop.torch._running import initial_share
from normdrop.torch._synthetic import pink_noise
from normdrop.torch.capture import capture
from normdrop.verbs import invert, simulate, stored_fit

Method = Literal["simulate", "moments", "invert"]
METHODS: tuple[Method, ...] = ("simulate", "moments", "invert")
Inputs = Literal["pink", "white"]
_SHIFTED = 0.02
_LAGS, _SETTLED = 0.15, 0.05
_MANY = 1000


@dataclass(frozen=True)
class Point:
    """One norm layer: what was predicted, what is true, and how far two truths differ."""

    method: Method
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
    fit: StoredFit

    @property
    def label(self) -> Literal["lagging", "settled", "between"]:
        """Beyond 15 % is lagging, within 5 % is settled."""
        if self.size > _LAGS:
            return "lagging"
        return "settled" if self.size < _SETTLED else "between"


def points(member: Member, method: Method, *, measure: bool) -> list[Point] | None:
    """Every norm layer of one network; kept on disk until the code that predicts changes.

    Args:
        member: The network.
        method: The method that predicts.
        measure: Whether to measure what is not on disk.

    Returns:
        None if it is not on disk and not measured, or if its weights have not been trained.
    """
    path = file_of(member).with_suffix(f".{method}.{_digest(method)}.pt")
    if not path.exists():
        if not measure or (method == "invert" and cached(member) is None):
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(list(_MAKERS[method](member)), path)
    found: list[Point] = torch.load(path, weights_only=False)  # our own file
    return found


def _simulated(member: Member) -> Iterator[Point]:
    """`simulate` on fresh weights against brute force on separate draws of the same inputs."""
    report = simulate(member.build(), member.shape, blame=False)
    yield from _points("simulate", member, report, fresh_truths(member, "pink"))


def _carried(member: Member) -> Iterator[Point]:
    """`moments` on fresh weights against brute force on the independent inputs it assumes."""
    report = expected_shifts(capture(member.build(), member.shape), blame=False)
    yield from _points("moments", member, report, fresh_truths(member, "white"))


def _inverted(member: Member) -> Iterator[Point]:
    """`invert` on trained weights against brute force on real data."""
    state = cached(member)
    if state is None:
        raise LookupError(f"{member.name} has not been trained")
    model = member.build()
    model.load_state_dict(state.state)
    report = invert(model, member.shape, blame=False)
    if not any(layer.unknown for layer in report):
        yield from _points("invert", member, report, state.truths)


_MAKERS: dict[Method, Callable[[Member], Iterator[Point]]] = {
    "simulate": _simulated,
    "moments": _carried,
    "invert": _inverted,
}
_SOURCES: dict[Method, tuple[str, ...]] = {
    "simulate": ("verbs/_predict.py", "shifts/expected/*.py", "torch/*.py", "torch/watch/*.py"),
    "moments": (
        *("shifts/moments/*.py", "shifts/graph/*.py", "theory/*.py"),
        "torch/capture/*.py",
    ),
    "invert": ("verbs/_invert.py", "shifts/expected/*.py", "torch/*.py", "torch/watch/*.py"),
}


def _digest(method: Method) -> str:
    """Of the code that makes a method's predictions."""
    root = Path(normdrop.__file__).parent
    files = [file for pattern in _SOURCES[method] for file in sorted(root.glob(pattern))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def lags(member: Member, *, measure: bool) -> list[Lag] | None:
    """Settled statistics, ones kept with several momenta, and ones left at an earlier step."""
    path, state = file_of(member).with_suffix(".lags.pt"), cached(member)
    if state is None:
        return None
    if not path.exists():
        if not measure:
            return None
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
    return float(np.asarray(np.corrcoef(ranks.T))[0, 1])


def _points(
    method: Method, member: Member, report: Iterable[LayerShift], truths: list[dict[str, Truth]]
) -> Iterator[Point]:
    for layer in report:
        shifts = [truth[layer.path].shift for truth in truths]
        true = math.exp(float(np.mean(np.log(shifts))))
        spread = abs(math.log(shifts[0] / shifts[1]))
        yield Point(method, member.name, layer.path, layer.shift, true, spread)


def fresh_truths(member: Member, inputs: Inputs) -> list[dict[str, Truth]]:
    """Brute force on fresh weights, twice with separate draws; kept on disk.

    Args:
        member: The network.
        inputs: `"pink"` noise as images have it, or independent `"white"` noise.
    """
    path = file_of(member).with_suffix(f".{inputs}.pt")
    if not path.exists():
        truths = [_fresh_truth(member, inputs, seed) for seed in (11, 12)]
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(truths, path)
    found: list[dict[str, Truth]] = torch.load(path, weights_only=False)  # our own file
    return found


def _fresh_truth(member: Member, inputs: Inputs, seed: int) -> dict[str, Truth]:
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    batches = [_INPUTS[inputs]((256, *member.shape), generator) for _ in range(6)]
    return brute_force(member.build(), batches)


def _white_noise(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator)


_INPUTS: dict[Inputs, Callable[[tuple[int, ...], torch.Generator], Tensor]] = {
    "pink": pink_noise,
    "white": _white_noise,
}


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
    found = (
        StoredFit(math.nan, initial) if initial > INITIAL_ABOVE else stored_fit(model, member.shape)
    )
    return Lag(member.name, kind, step, size, found)
