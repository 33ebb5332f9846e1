"""The mean and variance per channel of everything that reached a norm layer, batch after batch."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from normdrop.errors import UsageError
from normdrop.shifts.expected import Statistics
from normdrop.shifts.report import LayerShift

_PENDING = 32
"""Batches that wait to be folded in at once: a fold costs as much as ten small calls."""

Array: TypeAlias = NDArray[np.float64]
Stored: TypeAlias = Statistics[Array]
"""What a norm layer goes by in eval mode, or is to go by: shape (channels,) each; float64.

The variance is as the framework keeps it: Keras' is biased, torch's unbiased until `recalibrate`
sets it.
"""

NormMode: TypeAlias = Literal["running", "batch"]
"""Whether a norm layer goes by its running statistics or by its batch's."""

TensorT = TypeVar("TensorT")


@dataclass(frozen=True)
class Seen:
    """Statistics of many batches, by the law of total variance; float64.

    Attributes:
        count: Values per channel.
        batches: Calls of the layer they came in: batches, unless a batch calls it twice.
        mean: Mean per channel, shape (channels,).
        within: Mean of the batches' biased variances, weighted by their size.
        between: Biased variance of the batches' means, weighted likewise.
        spread: Biased variance, over batches, of the variance averaged over channels: how far a
            single batch's word is to be trusted.
        pooled: Whether `between` counts: not for a layer that normalises every sample by itself,
            whose statistics are plain averages.
    """

    count: float
    batches: int
    mean: Array
    within: Array
    between: Array
    spread: float
    pooled: bool = True

    @property
    def variance(self) -> Array:
        """Biased variance over all batches together."""
        return self.within + self.between if self.pooled else self.within

    @classmethod
    def nothing(cls, channels: int) -> "Seen":
        """Statistics of no values."""
        zero = np.zeros(channels)
        return cls(0.0, 0, zero, zero, zero, 0.0)


def merged(one: Seen, other: Seen) -> Seen:
    """Statistics of both together (Chan, Golub and LeVeque 1979)."""
    count = one.count + other.count
    if not one.count or not other.count:
        return one if one.count else other
    share = other.count / count
    step = other.mean - one.mean
    jump = float((other.within - one.within).mean())
    return Seen(
        count,
        one.batches + other.batches,
        one.mean + share * step,
        one.within + share * (other.within - one.within),
        one.between + share * (other.between - one.between) + share * (1 - share) * step**2,
        one.spread + share * (other.spread - one.spread) + share * (1 - share) * jump**2,
        one.pooled,
    )


class Tally(Generic[TensorT]):
    """Collects the batches of one norm layer in memory for some tens of them, however many come.

    Args:
        path: Module path of the norm layer, for errors.
        stacked: Makes one array of many tensors, shape (tensors, 2, channels); it may take its time
            with each, since it is not called for each.
        pooled: As in `Seen`.
    """

    def __init__(
        self,
        path: str,
        stacked: Callable[[Sequence[TensorT]], NDArray[Any]],
        *,
        pooled: bool = True,
    ) -> None:
        self._path = path
        self._stacked = stacked
        self._pooled = pooled
        self._seen: Seen | None = None
        self._pending: list[tuple[int, float, TensorT]] = []

    def add(self, batch: int, count: float, moments: TensorT) -> None:
        """One batch: values per channel; mean and biased variance, shape (2, channels)."""
        self._pending.append((batch, count, moments))
        if len(self._pending) == _PENDING:
            self._fold()

    def seen(self) -> Seen:
        """What has been added so far.

        Raises:
            UsageError: A value was NaN or infinite; the message names the layer and the batch.
        """
        if self._pending:
            self._fold()
        return Seen.nothing(0) if self._seen is None else self._seen

    def _fold(self) -> None:
        numbers, counts, moments = zip(*self._pending, strict=True)
        self._pending.clear()
        both = self._stacked(moments).astype(np.float64)
        if not np.isfinite(both).all():
            first = numbers[int(np.flatnonzero(~np.isfinite(both).all((1, 2)))[0])]
            raise UsageError(
                f"batch {first + 1} brings NaN or infinity to norm layer {self._path!r}: look for "
                "it in the data, then in the weights before that layer"
            )
        mean, variance = both[:, 0], both[:, 1]
        size = np.array(counts, dtype=np.float64)
        count = float(size.sum())
        weight = size / count
        centre, within = weight @ mean, weight @ variance
        between = weight @ np.square(mean - centre)
        spread = float(weight @ np.square((variance - within).mean(1)))
        folded = Seen(count, len(numbers), centre, within, between, spread, self._pooled)
        self._seen = folded if self._seen is None else merged(self._seen, folded)


class Record(Generic[TensorT]):
    """What reached every norm layer in one mode.

    Args:
        stacked: As for `Tally`.

    Attributes:
        batch: Number of the batch that runs.
        stored: Norm layer path to the running statistics when it was first called.
        frozen: Norm layers met that keep to running statistics in train mode, as far as told.
        unsure: Whether a norm was met that only a pass by batch statistics tells frozen or not.
    """

    def __init__(self, stacked: Callable[[Sequence[TensorT]], NDArray[Any]]) -> None:
        self.batch = 0
        self.stored: dict[str, Stored] = {}
        self.frozen: set[str] = set()
        self.unsure = False
        self._stacked = stacked
        self._tallies: dict[str, Tally[TensorT]] = {}

    def begin(self, path: str, stored: Stored, *, pooled: bool = True) -> None:
        """A layer is called for the first time."""
        self._tallies[path] = Tally(path, self._stacked, pooled=pooled)
        self.stored[path] = stored

    def add(self, path: str, count: float, moments: TensorT) -> None:
        """A layer was called: values per channel; mean and biased variance, (2, channels)."""
        self._tallies[path].add(self.batch, count, moments)

    def seen(self) -> dict[str, Seen]:
        """Norm layer path to the statistics of all batches."""
        return {path: tally.seen() for path, tally in self._tallies.items()}


@dataclass(frozen=True)
class Pass:
    """What one pass over batches found.

    Attributes:
        seen: Norm layer path to what reached it.
        batches: Batches read.
        examples: Examples in them.
        frozen: Norm layers met that keep to running statistics in train mode.
        metric: The metric's value, NaN without one.
        unsure: As in `Record`.
    """

    seen: Mapping[str, Seen]
    batches: int
    examples: int
    frozen: frozenset[str] = frozenset()
    metric: float = math.nan
    unsure: bool = False


@dataclass(frozen=True)
class NormFacts:
    """What a model says of one of its norm layers, besides the statistics themselves.

    Attributes:
        updates: Batches its statistics were updated by; `None` where nothing counts them.
        kept: What each update leaves of the statistics before it: 1 - momentum in torch, momentum
            in Keras; `None` for a plain average, or where it is not known.
        frozen: Whether it keeps to its statistics while the model trains.
        thawed: Whether it learns statistics although its parameters are frozen and others' are not.
        averaged: Whether its weights are an average, made without its statistics.
        trained: Whether its scale and offset are not those of a new layer.
    """

    updates: int | None = None
    kept: float | None = None
    frozen: bool = False
    thawed: bool = False
    averaged: bool = False
    trained: bool = False


_UNKNOWN = NormFacts()


@dataclass(frozen=True)
class Facts:
    """What a model says of its norm layers and their data.

    Attributes:
        norms: Norm layer path to what is known of it; others may be met.
        memory: The variance of a layer's running average over that of one batch: m / (2 - m) where
            a new batch counts m.
        unbiased: Whether running variances are averages of unbiased ones.
        real: Whether an input is of floating point, so that it can be scaled otherwise.
    """

    norms: Mapping[str, NormFacts] = field(default_factory=dict)
    memory: Mapping[str, float] = field(default_factory=dict)
    unbiased: bool = False
    real: bool = True

    def of(self, path: str) -> NormFacts:
        """What is known of a layer."""
        return self.norms.get(path, _UNKNOWN)


_NO_CAUSES: Mapping[str, float] = MappingProxyType({})


def layer_shift(
    path: str, seen: Seen, stored: Stored, causes: Mapping[str, float] = _NO_CAUSES
) -> LayerShift:
    """What reached a layer in eval mode against what it had stored.

    Raises:
        UsageError: A single value per channel, which has no variance.
    """
    found = population(path, seen)
    return LayerShift(
        path,
        "measured",
        eval_mean=found.mean,
        eval_variance=found.variance,
        train_mean=stored.mean,
        train_variance=stored.variance,
        causes=causes,
    )


def population(path: str, seen: Seen) -> Stored:
    """Mean and biased variance of all that reached a layer.

    Raises:
        UsageError: A single value per channel, which has no variance.
    """
    if seen.count == 1:
        raise UsageError(
            f"one value per channel reached {path!r}, and one value has no variance: "
            "pass more batches or larger ones"
        )
    return Stored(seen.mean, seen.variance)


def extent(batches: int, examples: int) -> str:
    """How much was read, in a sentence.

    >>> extent(1, 32), extent(2, 64)
    ('Over 1 batch of 32 examples.', 'Over 2 batches, 64 examples in all.')
    """
    if batches == 1:
        return f"Over 1 batch of {examples} example{'' if examples == 1 else 's'}."
    return f"Over {batches} batches, {examples} examples in all."
