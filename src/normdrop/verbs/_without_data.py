"""New running statistics without data: the stored ones, corrected by what dropout does to them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from normdrop.errors import NormdropError, UsageError
from normdrop.shifts.expected import Statistics, StoredFit
from normdrop.shifts.report import LayerShift, Recalibration, ShiftReport
from normdrop.shifts.stream import Stored
from normdrop.verbs._estimate import under
from normdrop.verbs._framework import Model
from normdrop.verbs._invert import inverted

_STEPS = 80
"""Of the optimiser that inputs are sought with."""
_ROUNDS = 8
"""Eval passes after which statistics that depend on each other have long settled."""

LayerStatistics = Mapping[str, Statistics[Any]]


def without_data(
    framework: Model, example: object, metric: object, frozen: Iterable[str]
) -> Recalibration:
    """Correct the stored statistics by what dropout does to inputs found by inversion.

    Raises:
        NormdropError: The stored statistics lag behind the weights; nothing can be told from them.
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
        passes, inputs = found.passes, found.inputs
        with passes.without_gradients():
            after = _settled(lambda seen: passes.evaluate(inputs, seen), found.shifts.eval)
    keeping |= passes.frozen
    made = _correction(passes.stored, found.shifts.train, after, found.fit, keeping)
    undo = statistics.snapshot()
    statistics.write(made.new)
    return made.recalibration(undo)


@dataclass(frozen=True)
class _Correction:
    """What statistics become without data.

    Inputs are sought that show the stored statistics in train mode, dropout on. What eval mode
    makes of their statistics, relative to train mode, the stored ones are corrected by: variances
    by the ratio, means by the difference in deviations. The inputs' own error then cancels.

    Attributes:
        old: Norm layer path to what it has stored.
        new: Norm layer path to what it is to store; frozen layers left out.
        frozen: Norm layers that are left as they are.
        note: What must be known to read the numbers.
    """

    old: Mapping[str, Stored]
    new: Mapping[str, Stored]
    frozen: tuple[str, ...]
    note: str

    def recalibration(self, undo: Callable[[], None]) -> Recalibration:
        """For the user; `undo` puts the old statistics back."""
        layers = [
            LayerShift(
                path,
                "invert",
                eval_mean=new.mean,
                eval_variance=new.variance,
                train_mean=self.old[path].mean,
                train_variance=self.old[path].variance,
            )
            for path, new in self.new.items()
        ]
        return Recalibration(
            "inverted",
            ShiftReport(layers, "invert"),
            None,
            {path: (one.mean, one.variance) for path, one in self.new.items()},
            self.frozen,
            notes=(self.note,),
            _undo=undo,
        )


def _correction(
    stored: LayerStatistics,
    train: LayerStatistics,
    settled: LayerStatistics,
    fit: StoredFit,
    frozen: frozenset[str],
) -> _Correction:
    """The correction of the stored statistics.

    Args:
        stored: What the norm layers have stored.
        train: What the inputs found show in train mode.
        settled: What they show in eval mode; see `_settled`.
        fit: How well the stored statistics fit the weights.
        frozen: Norm layers to leave as they are.

    Raises:
        UsageError: Every norm layer is frozen.
    """
    new = {
        path: _corrected(stored[path].numbers(), train[path].numbers(), after.numbers())
        for path, after in settled.items()
        if path not in frozen
    }
    if not new:
        raise UsageError("every norm layer is frozen: there is nothing to re-estimate")
    return _Correction(
        {path: one.numbers() for path, one in stored.items()},
        new,
        tuple(sorted(path for path in settled if path in frozen)),
        f"Without data: {fit}.",
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


def _settled(evaluate: Callable[[Any], Any], start: Any) -> Any:  # noqa: ANN401 - the framework's
    """Statistics in eval mode that every layer both meets and goes by.

    Args:
        evaluate: From the statistics that layers go by to those they meet.
        start: The first ones.
    """
    seen = start
    for _ in range(_ROUNDS):
        seen = evaluate(seen)
    return seen


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


def _corrected(stored: Stored, train: Stored, evaluated: Stored) -> Stored:
    alive = train.variance > 0
    scale = np.where(alive, train.variance, 1.0)
    ratio = np.where(alive, evaluated.variance / scale, 1.0)
    deviation = np.sqrt(np.where(alive, stored.variance / scale, 1.0))
    return Stored(stored.mean + deviation * (evaluated.mean - train.mean), ratio * stored.variance)
