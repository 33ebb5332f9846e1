"""From passes to shifts: train mode, then eval mode with those statistics, on given inputs."""

import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from normdrop.shifts.report import LayerShift, Method, ShiftReport

_EXPLAINED = 0.005
_SMALLEST_SHARE = 0.01
_SMALLEST = 1e-12
_LEAST_LEFT = 0.01
"""Of the stored variance, where made-up inputs have noise add as much or more."""
_DISAGREE = 0.5
"""Estimates of log Δ that lie further from their middle tell nothing."""
_SURE = 0.05
"""Nearer ones are as good as equal."""
_NOT_TRAINED_ON = (
    "made-up inputs of different kinds show different shifts: pass batches, or call predict"
)

Array = TypeVar("Array")


@dataclass(frozen=True)
class Statistics(Generic[Array]):
    """Mean and biased variance per channel, shape (channels,) each; tensors or numpy arrays."""

    mean: Array
    variance: Array

    def numbers(self) -> "Statistics[np.ndarray]":
        """The same in float64 numpy arrays."""
        return Statistics(np.asarray(self.mean, np.float64), np.asarray(self.variance, np.float64))


AnyStatistics = TypeVar("AnyStatistics", bound=Statistics[Any])


def average(values: Iterable[AnyStatistics]) -> AnyStatistics:
    """Plain averages of means and of variances, as running statistics average batches.

    >>> average([Statistics(1.0, 2.0), Statistics(3.0, 4.0)])
    Statistics(mean=2.0, variance=3.0)
    """
    values = tuple(values)
    if len(values) == 1:
        return values[0]
    mean = reduce(operator.add, (value.mean for value in values)) / len(values)
    variance = reduce(operator.add, (value.variance for value in values)) / len(values)
    return type(values[0])(mean, variance)


def averages(passes: Iterable[Mapping[str, AnyStatistics]]) -> dict[str, AnyStatistics]:
    """Every layer's average over passes that all met the same layers."""
    passes = tuple(passes)
    return {path: average(one[path] for one in passes if path in one) for path in passes[0]}


def is_initial(stored: Statistics[Any]) -> bool:
    """Whether running statistics are as a fresh layer has them: variance 1."""
    return bool((stored.variance == 1).all())


LayerStatistics = Mapping[str, Statistics[Any]]
"""Norm layer path to statistics."""
Arguments = TypeVar("Arguments", contravariant=True)  # noqa: PLC0105 - the name says what they are


class Both(NamedTuple):
    """What norm layers see in train mode, and in eval mode with those statistics."""

    train: LayerStatistics
    eval: LayerStatistics


class One(NamedTuple):
    """What one norm layer sees in train mode, and in eval mode with those statistics."""

    train: Statistics[np.ndarray]
    eval: Statistics[np.ndarray]


class ForwardPasses(Protocol[Arguments, AnyStatistics]):
    """Forward passes of one model, of whatever framework."""

    def train(self, inputs: Arguments, seed: int) -> dict[str, AnyStatistics]:
        """Input statistics of every norm layer in train mode."""

    def evaluate(
        self, inputs: Arguments, statistics: Mapping[str, AnyStatistics]
    ) -> dict[str, AnyStatistics]:
        """Input statistics in eval mode, norm layers going by `statistics`."""

    def settled(
        self, inputs: Arguments, kept: Mapping[str, AnyStatistics]
    ) -> dict[str, AnyStatistics]:
        """Input statistics in eval mode, every norm layer going by them, but for those of `kept`.

        A layer of `kept` goes by what it has there. The others meet what they go by, however long
        the chain.
        """

    def answers(
        self, inputs: Arguments, statistics: Mapping[str, AnyStatistics]
    ) -> list[np.ndarray]:
        """Every output of floating point in eval mode, norm layers going by `statistics`.

        Float64, of shape (examples, ..., channels); outputs of fewer than two axes are left out.
        """

    def one_by_one(self, inputs: Arguments, seed: int) -> tuple[Both, dict[str, Both]]:
        """Both modes with all noise layers on, and without each of them, by the layer's name."""

    def without_gradients(self) -> AbstractContextManager[Any]:
        """Nothing inside is recorded for a backward pass."""


@dataclass(frozen=True)
class Shifts(Generic[AnyStatistics]):
    """What train and eval mode are at every norm layer.

    Attributes:
        train: Statistics that eval mode normalises by.
        eval: Statistics in eval mode.
        error: Of log Δ: its standard error over passes, NaN from a single one; and how far kinds
            of inputs disagree, where several were tried.
    """

    train: dict[str, AnyStatistics]
    eval: dict[str, AnyStatistics]
    error: Mapping[str, float]

    def at(self, path: str) -> "One":
        """Both modes at one layer, in numbers."""
        return One(self.train[path].numbers(), self.eval[path].numbers())


def shifts(
    passes: ForwardPasses[Arguments, AnyStatistics], batches: Sequence[Arguments], repeats: int
) -> Shifts[AnyStatistics]:
    """Train mode `repeats` times over every batch, then eval mode once with those statistics.

    Later norm layers see what earlier ones make of the substituted statistics, as they do in a
    trained model; both sides see the same inputs.
    """
    with passes.without_gradients():
        trains = [
            passes.train(batch, index * repeats + repeat)
            for index, batch in enumerate(batches)
            for repeat in range(repeats)
        ]
        train = averages(trains)
        evals = [passes.evaluate(batch, train) for batch in batches]
    evaluated = averages(evals)
    pairs = [Both(one, evals[index // repeats]) for index, one in enumerate(trains)]
    error = {
        path: _standard_error([_log_ratio(pair, path) for pair in pairs]) for path in evaluated
    }
    return Shifts(train, evaluated, error)


def widened(found: Shifts[AnyStatistics], other: Shifts[AnyStatistics]) -> Shifts[AnyStatistics]:
    """Shifts whose error counts, beside the spread over passes, that over kinds of inputs.

    Args:
        found: From one kind of inputs.
        other: From another, at the same layers or some of them.
    """
    error = dict(found.error)
    for path in found.eval.keys() & other.eval.keys():
        one, two = (_log_ratio(Both(each.train, each.eval), path) for each in (found, other))
        if math.isfinite(one - two):
            known = error[path] if math.isfinite(error[path]) else 0.0
            error[path] = math.hypot(known, one - two)
    return replace(found, error=error)


def bounded(
    path: str,
    seen: Sequence[One],
    stored: Statistics[np.ndarray],
    shares: Mapping[str, float],
) -> LayerShift:
    """One layer's shift from what several kinds of made-up inputs show, if they agree.

    Args:
        path: Of the norm layer.
        seen: What each kind of inputs shows.
        stored: The running statistics.
        shares: Of the noise layers.

    >>> four, three, stored = (Statistics(np.zeros(2), np.full(2, each)) for each in (4, 3, 4.4))
    >>> layer = bounded("norm", [One(four, three)], stored, {})
    >>> round(layer.shift, 3), round(layer.error or 0, 3)
    (0.761, 0.015)
    """
    variance = stored.variance.mean()
    logs = []
    for train, evaluated in seen:
        top, bottom = evaluated.variance.mean(), train.variance.mean()
        left = max(1 - (bottom - top) / variance, _LEAST_LEFT) if variance > 0 else math.nan
        logs += [math.log(each) if each > 0 else math.nan for each in (top / bottom, left)]
    middle, error = float(np.mean(logs)), (max(logs) - min(logs)) / 2
    if not error < _DISAGREE or (error > _SURE and 2 * error > abs(middle)):
        return LayerShift.without_value(path, "simulate", stored.variance.size, _NOT_TRAINED_ON)
    train, evaluated = seen[0]
    channels = stored.variance * evaluated.variance / np.maximum(train.variance, _SMALLEST)
    return LayerShift(
        path,
        "simulate",
        eval_mean=stored.mean + evaluated.mean - train.mean,
        eval_variance=channels * (math.exp(middle) * variance / channels.mean()),
        train_mean=stored.mean,
        train_variance=stored.variance,
        causes=shares,
        error=error,
    )


def causes(
    passes: ForwardPasses[Arguments, AnyStatistics], batches: Sequence[Arguments]
) -> dict[str, dict[str, float]]:
    """Every noise layer's share of every norm layer's log Δ, by switching them off one at a time.

    A share is how much log Δ, averaged over the batches, shrinks without the layer, normalised over
    the layers that make it larger. The other layers make the same noise each time.
    """
    with passes.without_gradients():
        found = [_logs(*passes.one_by_one(batch, seed)) for seed, batch in enumerate(batches)]
    layers = dict.fromkeys(layer for _, without in found for layer in without)
    return {
        path: _shares(
            _mean([logs[path] for logs, _ in found if path in logs]),
            {
                layer: _mean([one[layer][path] for _, one in found if path in one.get(layer, {})])
                for layer in layers
            },
        )
        for path in dict.fromkeys(path for logs, _ in found for path in logs)
    }


def report(
    found: Shifts[Any],
    blame: Mapping[str, Mapping[str, float]],
    method: Method,
    notes: Sequence[str] = (),
) -> ShiftReport:
    """The shifts as a report."""
    layers = []
    for path, seen in found.eval.items():
        evaluated, train = seen.numbers(), found.train[path].numbers()
        layers.append(
            LayerShift(
                path,
                method,
                eval_mean=evaluated.mean,
                eval_variance=evaluated.variance,
                train_mean=train.mean,
                train_variance=train.variance,
                causes=blame.get(path, {}),
                error=found.error[path] if math.isfinite(found.error[path]) else None,
            )
        )
    return ShiftReport(layers, method, tuple(notes))


def _logs(whole: Both, without: Mapping[str, Both]) -> tuple[dict[str, float], dict[str, Any]]:
    """Log Δ per norm layer with all noise layers on, and without each of them."""
    return _log_ratios(whole), {layer: _log_ratios(both) for layer, both in without.items()}


def _log_ratios(both: Both) -> dict[str, float]:
    return {path: _log_ratio(both, path) for path in both.eval}


def _log_ratio(both: Both, path: str) -> float:
    top, bottom = (float(side[path].variance.mean()) for side in (both.eval, both.train))
    return math.log(top / bottom) if top > 0 and bottom > 0 else math.nan


def _shares(log_shift: float, without: Mapping[str, float]) -> dict[str, float]:
    if not abs(log_shift) > _EXPLAINED:
        return {}
    sign = math.copysign(1.0, log_shift)
    part = {layer: max(0.0, sign * (log_shift - value)) for layer, value in without.items()}
    total = sum(part.values())
    kept = {k: v for k, v in part.items() if total > 0 and v > _SMALLEST_SHARE * total}
    ordered = sorted(kept.items(), key=lambda item: -item[1])
    return {layer: value / sum(kept.values()) for layer, value in ordered}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _standard_error(values: Sequence[float]) -> float:
    if len(values) < 2:  # noqa: PLR2004 - one value has no spread
        return math.nan
    return float(np.std(values, ddof=1) / math.sqrt(len(values)))
