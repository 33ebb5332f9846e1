"""One metric with dropout on and off, by batch and by running statistics, in one reading.

What explains the gap is said in words: noise, stale statistics, small batches or other data.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np

from normdrop.shifts.expected import INITIAL_ABOVE, StoredFit
from normdrop.shifts.report import ModeTable
from normdrop.shifts.stream._batches import Batch
from normdrop.shifts.stream._metric import MetricMean, metric_name
from normdrop.shifts.stream._statistics import Array, NormMode, Record, Seen, Stored
from normdrop.values.display import percentage
from normdrop.values.severity import severity

_MOVED = 0.2
"""A mean off by so many deviations is as bad as a variance off by the square of it."""
_SURE = 4.0
"""Standard errors beyond which a step is no accident: it is looked at in many layers."""
_SMALL_PART = 0.25
"""Data that change show at the first norm layer; where it moves by less, the weights did."""
_SCATTER = 0.05
"""The part of the variance that lies between batches, beyond which they are small or unlike."""

_AskFit: TypeAlias = Callable[[], StoredFit | None]
"""Tells how well the stored statistics fit the weights; `None` where that cannot be found."""

RecordT = TypeVar("RecordT", bound=Record[Any])


@dataclass(frozen=True)
class Mode(Generic[RecordT]):
    """One of the four: whether dropout is on, what norm layers go by, and what was found."""

    dropout: bool
    norm: NormMode
    record: RecordT
    metric: MetricMean


class FourModes(Generic[RecordT]):
    """Runs every batch in all four modes, so that batches that can be read only once will do.

    Args:
        metric: See `normdrop.measure`.
        by_running: Makes what records, and answers, norm calls in the modes by running statistics.
        by_batch: The same for those by batch statistics.
        run: Calls the model with a batch in a mode and returns its outputs; noise that depends on
            nothing but the batch's number.
    """

    def __init__(
        self,
        metric: object,
        by_running: Callable[[], RecordT],
        by_batch: Callable[[], RecordT],
        run: Callable[[Mode[RecordT], Batch], Any],
    ) -> None:
        self._name = metric_name(metric)
        self._run = run
        self.eval = Mode(
            dropout=False, norm="running", record=by_running(), metric=MetricMean(metric)
        )
        self._off = Mode(dropout=False, norm="batch", record=by_batch(), metric=MetricMean(metric))
        self._on = Mode(
            dropout=True, norm="running", record=by_running(), metric=MetricMean(metric)
        )
        self._train = Mode(dropout=True, norm="batch", record=by_batch(), metric=MetricMean(metric))

    def add(self, batch: Batch) -> None:
        """Run one batch four times."""
        for mode in (self.eval, self._off, self._on, self._train):
            mode.record.batch = batch.number
            mode.metric.add(self._run(mode, batch), batch)

    def table(self, memory: Mapping[str, float], fitting: _AskFit, *, unbiased: bool) -> ModeTable:
        """The four values and what explains their difference.

        Args:
            memory: As in `Evidence`.
            fitting: As for `explained`.
            unbiased: As in `Evidence`.
        """
        evidence = Evidence(
            stored=self.eval.record.stored,
            off=self._off.record.seen(),
            train=self._train.record.seen(),
            memory=memory,
            unbiased=unbiased,
        )
        return ModeTable(
            self._name,
            eval_mode=self.eval.metric.value(),
            batch_statistics=self._off.metric.value(),
            dropout_on=self._on.metric.value(),
            train_mode=self._train.metric.value(),
            explanations=explained(evidence, fitting),
        )


@dataclass(frozen=True)
class Evidence:
    """Statistics at every norm layer: stored, and on the same batches by batch statistics.

    Attributes:
        stored: What eval mode goes by.
        off: What batch mode sees with dropout off.
        train: What it sees with dropout on.
        memory: The variance of a layer's running average over that of one batch: m / (2 - m) where
            a new batch counts m.
        unbiased: Whether running variances are averages of unbiased ones.
    """

    stored: Mapping[str, Stored]
    off: Mapping[str, Seen]
    train: Mapping[str, Seen]
    memory: Mapping[str, float]
    unbiased: bool


@dataclass(frozen=True)
class _Step:
    """How far one change moves a layer's statistics.

    Attributes:
        layer: Its path.
        ratio: Variance after over variance before, means over channels.
        moved: Root mean square of the means' moves in deviations.
        doubt: Standard errors of both, as batches scatter.
    """

    layer: str
    ratio: float
    moved: float
    doubt: tuple[float, float]

    @property
    def raw(self) -> float:
        """How far both measures go, the mean's in the units of the variance's."""
        return max(abs(math.log(self.ratio)) if self.ratio > 0 else math.inf, self.moved**2)

    @property
    def size(self) -> float:
        """How much it matters; 0 if it may be chance."""
        ratio = abs(math.log(self.ratio)) if self.ratio > 0 else math.inf
        ratio *= severity(self.ratio) != "note" and abs(self.ratio - 1) > _SURE * self.doubt[0]
        return max(ratio, self.moved**2 * (self.moved > max(_MOVED, _SURE * self.doubt[1])))

    def words(self, than: str) -> str:
        """Both measures, the second where it says something."""
        means = f", means {self.moved:.2f} deviations away" if self.moved > _MOVED else ""
        return f"{self.ratio:.2f} times the variance {than}{means}"


def explained(evidence: Evidence, fitting: _AskFit) -> tuple[str, ...]:
    """Sentences, the largest part first.

    From the stored statistics to what eval mode meets there are three steps: to train mode on these
    batches (statistics that lag behind the weights, or other data), from there to dropout off (the
    noise), and from the batches' statistics to those over all (small or unlike batches). Each is
    looked at where it is largest.

    Args:
        evidence: The statistics.
        fitting: Tells stale statistics from other data; asked only where one of them is there.
    """
    lags = [_lag(path, evidence) for path in evidence.train]
    noises = [_noise(path, evidence) for path in evidence.train]
    lag, noise = max(lags, key=_size, default=None), max(noises, key=_size, default=None)
    same_data = lag is not None and lags[0].raw < _SMALL_PART * lag.size
    parts: list[tuple[float, str]] = []
    if noise is not None and noise.size:
        parts.append((noise.size, _noise_words(noise)))
    if lag is not None and lag.size:
        parts.append((lag.size, _lag_words(lag, fitting, same_data=same_data)))
    layer, scatter = _most_scattered(evidence.off)
    if scatter > _SCATTER:
        parts.append((scatter, _scatter_words(layer, scatter)))
    sentences = [words for _, words in sorted(parts, key=lambda part: -part[0])]
    return tuple(sentences) or (_NOTHING,)


_NOTHING = (
    "Train and eval mode agree at every norm layer: what is left of a gap is what dropout takes "
    "from the outputs themselves."
)


def _noise_words(noise: _Step) -> str:
    return (
        f"Noise: with dropout off {noise.layer!r} meets {noise.words('it meets in train mode')}; "
        "train mode's are the statistics it keeps."
    )


def _lag_words(lag: _Step, fitting: _AskFit, *, same_data: bool) -> str:
    met = f"in train mode {lag.layer!r} meets {lag.words('it has stored')}"
    if same_data:
        return f"Stale statistics: {met}; the first norm layer, nearest to the data, has not moved."
    fit = fitting()
    if fit is None:
        return f"Stale statistics or other data: {met}. Which of the two cannot be told here."
    if fit.lags:
        why = (
            f"the values it began with still weigh {percentage(fit.initial, 0)}"
            if fit.initial > INITIAL_ABOVE
            else "no inputs would give these weights the stored statistics"
        )
        return f"Stale statistics: {met}; {why}."
    return (
        f"Other data: {met}; other inputs would give these weights the stored statistics, so "
        "these batches are not like the data they come from: prepare them as in training, and "
        "recalibrate on them only if the model is to be used on such data."
    )


def _scatter_words(layer: str, scatter: float) -> str:
    return (
        f"Small batches: {percentage(scatter, 0)} of the variance at {layer!r} lies between "
        "batches, so that in train mode examples are normalised by statistics that vary with their "
        "company."
    )


def _size(step: _Step) -> float:
    return step.size


def _lag(path: str, evidence: Evidence) -> _Step:
    """From the stored statistics to those of train mode."""
    train = evidence.train[path]
    scale = 1 / max(1, train.batches) + evidence.memory[path]
    doubt = train.spread * scale, train.between * scale
    return _step(path, evidence.stored[path], _as_stored(train, evidence), doubt)


def _noise(path: str, evidence: Evidence) -> _Step:
    """From dropout on to dropout off, on the same batches."""
    train, off = evidence.train[path], evidence.off[path]
    scale = 1 / max(1, train.batches)
    doubt = (train.spread + off.spread) * scale, (train.between + off.between) * scale
    return _step(path, _as_stored(train, evidence), _as_stored(off, evidence), doubt)


def _step(path: str, before: Stored, after: Stored, error: tuple[float, Array]) -> _Step:
    base = float(before.variance.mean())
    alive = before.variance > 0
    if not alive.any():
        return _Step(path, 1.0, 0.0, (0.0, 0.0))
    moved = np.square(after.mean - before.mean)[alive] / before.variance[alive]
    chance = error[1][alive] / before.variance[alive]
    doubt = math.sqrt(error[0]) / base, math.sqrt(chance.mean())
    return _Step(path, float(after.variance.mean()) / base, math.sqrt(moved.mean()), doubt)


def _as_stored(seen: Seen, evidence: Evidence) -> Stored:
    """Statistics as running ones come to be: means of batches, and their variances."""
    size = seen.count / max(1, seen.batches)
    factor = size / max(1.0, size - 1) if evidence.unbiased else 1.0
    return Stored(seen.mean, seen.within * factor)


def _most_scattered(seen: Mapping[str, Seen]) -> tuple[str, float]:
    """The layer with the largest part of its variance between batches, and that part."""
    parts = {path: _part(one.between, one.variance) for path, one in seen.items()}
    layer = max(parts, key=lambda path: parts[path], default="")
    return layer, parts.get(layer, 0.0)


def _part(between: Array, total: Array) -> float:
    return float(between.mean() / total.mean()) if total.mean() > 0 else 0.0
