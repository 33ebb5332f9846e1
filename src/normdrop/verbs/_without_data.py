"""New running statistics without data: the stored ones, corrected by what dropout does to them."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from normdrop.errors import NormdropError, UsageError
from normdrop.shifts.expected import Statistics, StoredFit, shifts
from normdrop.shifts.report import LayerShift, Recalibration, ShiftReport
from normdrop.shifts.stream import Arguments, Stored
from normdrop.values.display import percentage
from normdrop.verbs._estimate import under
from normdrop.verbs._framework import Model, ModelPasses
from normdrop.verbs._invert import inverted

_STEPS = 80
"""Of the optimiser that inputs are sought with."""
_TOLERANCE = 1e-3
"""Statistics that move by less, relative to the variance or in deviations, are settled."""
_REPEATS = 4
"""Passes in train mode over inputs that a correction is tried on."""
_LEFT = 1.0
"""The part of the shift that a correction may leave on inputs that it was not made from. These are
nothing like data, so that it leaves more than on data; one that does harm adds to it."""
_MOST = 20.0
"""Times its variance that a channel may have after a correction: more is no dropout's doing."""
_SMALLEST = 1e-5
"""Added to variances, as norm layers do, so that a dead channel's do not count."""

LayerStatistics = Mapping[str, Statistics[Any]]


def without_data(
    framework: Model, example: object, metric: object, frozen: Iterable[str]
) -> Recalibration:
    """Correct the stored statistics by what dropout does to inputs found by inversion.

    Raises:
        NormdropError: The stored statistics lag behind the weights, or inputs that the correction
            was not made from do not bear it out; nothing is changed.
        CaptureError: The model raised.
        UsageError: No example, or a metric; no input is a floating-point one; the framework has no
            gradients; or a norm keeps its statistics elsewhere.
    """
    _need_example(example, metric)
    statistics = framework.statistics()
    keeping = statistics.frozen | under(statistics.stored, frozen)
    with framework.untouched(gradients=True):
        found = inverted(framework, example, _STEPS, seed=0)
        _need_fit(found.fit)
        passes = found.passes
        keeping |= passes.frozen
        with passes.without_gradients():
            made = _correction(passes, found.inputs, found.shifts.train, found.shifts.eval, keeping)
            verified = _verified(passes, found.others, made)
    verified.need_success()
    old = {path: one.numbers() for path, one in passes.stored.items()}
    corrected = made.applied(passes.stored)
    new = {path: corrected[path].numbers() for path in made.moves}
    left = percentage(verified.left, 0)
    notes = (
        f"Without data: {found.fit}.",
        f"On inputs that they were not made from the new statistics leave {left} of the shift.",
    )
    undo = statistics.snapshot()
    statistics.write(new)
    return _recalibration(old, new, made.frozen, notes, undo)


@dataclass(frozen=True)
class _Move:
    """How a layer's statistics move from train to eval mode: tensors or arrays, (channels,) each.

    Attributes:
        ratio: Variance after over variance before.
        step: The mean's move, in deviations from before.
    """

    ratio: Any
    step: Any


@dataclass(frozen=True)
class _Correction:
    """What statistics become without data.

    Inputs are sought that show the stored statistics in train mode, dropout on. What eval mode
    makes of their statistics, relative to train mode, the stored ones are corrected by. The inputs'
    own error then cancels.

    Attributes:
        moves: Norm layer path to its move; frozen layers left out.
        frozen: Norm layers that are left as they are.
    """

    moves: Mapping[str, _Move]
    frozen: tuple[str, ...]

    def applied(self, to: LayerStatistics) -> dict[str, Any]:
        """Statistics of train mode, corrected."""
        return {
            path: one
            if path not in self.moves
            else type(one)(
                one.mean + self.moves[path].step * one.variance**0.5,
                one.variance * self.moves[path].ratio,
            )
            for path, one in to.items()
        }


@dataclass(frozen=True)
class _Verified:
    """A correction on inputs that it was not made from.

    Attributes:
        before: Norm layer path to how far what eval mode meets is from the statistics of train
            mode, uncorrected.
        after: The same with corrected ones.
    """

    before: Mapping[str, float]
    after: Mapping[str, float]

    @property
    def left(self) -> float:
        """The part of the distance that is left, summed over layers."""
        whole = sum(self.before.values())
        return sum(self.after.values()) / whole if whole else 0.0

    def need_success(self) -> None:
        """Refuse a correction that does not carry over to other inputs.

        Raises:
            NormdropError: It adds to the shift.
        """
        if not self.left < _LEFT:
            raise NormdropError(
                "nothing was changed: on inputs that the new statistics were not made from they "
                f"leave {percentage(min(self.left, 9.99), 0)} of the shift, so that without data "
                "they cannot be trusted: pass batches"
            )


def _correction(
    passes: ModelPasses,
    inputs: Arguments,
    train: LayerStatistics,
    start: Any,  # noqa: ANN401 - the framework's
    frozen: frozenset[str],
) -> _Correction:
    """What eval mode makes of inputs, when every layer goes by the statistics that it meets.

    A layer that meets no other norm's output has them after one pass, the next ones after two, and
    so on: there is an end, however long the chain.

    Args:
        passes: Through the model.
        inputs: What it is called with.
        train: What they show in train mode.
        start: What they show in eval mode with these.
        frozen: Norm layers to leave as they are.

    Raises:
        UsageError: Every norm layer is frozen.
    """
    free = [path for path in start if path not in frozen]
    if not free:
        raise UsageError("every norm layer is frozen: there is nothing to re-estimate")
    seen, count, moved = start, 0, math.inf
    while moved > _TOLERANCE and count <= len(start):
        used = {path: train[path] if path in frozen else one for path, one in seen.items()}
        seen = passes.evaluate(inputs, used)
        count += 1
        moved = max(_apart(used[path], seen[path]) for path in free)
    moves = {path: _move(train[path], seen[path]) for path in free}
    return _Correction(moves, tuple(sorted(path for path in start if path in frozen)))


def _move(train: Statistics[Any], evaluated: Statistics[Any]) -> _Move:
    scale = train.variance + (train.variance <= 0)  # a dead channel does not move
    ratio = (evaluated.variance + (train.variance <= 0)) / scale
    return _Move(ratio.clip(1 / _MOST, _MOST), (evaluated.mean - train.mean) / scale**0.5)


def _verified(passes: ModelPasses, inputs: Arguments, made: _Correction) -> _Verified:
    """What a correction is worth on other inputs."""
    found = shifts(passes, [inputs], _REPEATS)
    corrected = made.applied(found.train)
    met = passes.evaluate(inputs, corrected)
    return _Verified(
        {path: _distance(found.train[path], found.eval[path]) for path in made.moves},
        {path: _distance(corrected[path], met[path]) for path in made.moves},
    )


def _distance(used: Statistics[Any], met: Statistics[Any]) -> float:
    """How far apart statistics are: logarithms of variances and deviations, mean over channels."""
    one, other = used.numbers(), met.numbers()
    scale = one.variance + _SMALLEST
    logs = np.abs(np.log((other.variance + _SMALLEST) / scale))
    return float(np.mean(logs + np.abs(other.mean - one.mean) / np.sqrt(scale)))


def _apart(used: Statistics[Any], met: Statistics[Any]) -> float:
    """How far apart statistics are in the worst channel."""
    one, other = used.numbers(), met.numbers()
    scale = one.variance + _SMALLEST
    variance = np.abs(other.variance - one.variance) / scale
    return float(np.maximum(variance, np.abs(other.mean - one.mean) / np.sqrt(scale)).max())


def _recalibration(
    old: Mapping[str, Stored],
    new: Mapping[str, Stored],
    frozen: tuple[str, ...],
    notes: tuple[str, ...],
    undo: Callable[[], None],
) -> Recalibration:
    """For the user; `undo` puts the old statistics back."""
    layers = [
        LayerShift(
            path,
            "invert",
            eval_mean=new[path].mean,
            eval_variance=new[path].variance,
            train_mean=old[path].mean,
            train_variance=old[path].variance,
        )
        for path in new
    ]
    return Recalibration(
        "inverted",
        ShiftReport(layers, "invert"),
        None,
        {path: (one.mean, one.variance) for path, one in new.items()},
        frozen,
        notes=notes,
        _undo=undo,
    )


def _need_fit(fit: StoredFit) -> None:
    """Refuse statistics that no input shows.

    Raises:
        NormdropError: They lag behind the weights; nothing can be told from them.
    """
    if fit.lags:
        raise NormdropError(
            f"the stored statistics do not fit the weights ({fit}): they lag behind them or "
            "belong to others, and without data nothing can mend that: pass batches"
        )


def _need_example(example: object, metric: object) -> None:
    """Refuse what cannot be done without batches.

    Raises:
        UsageError: No example, or a metric.
    """
    if example is None or metric is not None:
        raise UsageError(
            "without batches recalibrate takes an example of what the model takes, and no metric: "
            "pass batches or example="
        )
