"""The shift while a model is trained: kept measurement by measurement, and warned of."""

import math
import time
import warnings

from normdrop.errors import ShiftWarning
from normdrop.shifts.report import LayerShift, ShiftHistory, ShiftReport

# Of the work of training; a pass in eval mode costs a third of a training step.
_BUDGET = 0.015
_PASSES_PER_STEP = 3
_FEWEST = 32


class ShiftLog:
    """Measurements of one training.

    Args:
        warn: Whether to warn when a layer's shift first leaves 0.8 (or 1/0.8).

    Attributes:
        latest: The last measurement, per channel; `None` before the first.
    """

    def __init__(self, *, warn: bool) -> None:
        self._warn = warn
        self._rows: list[tuple[int, dict[str, tuple[float, float]]]] = []
        self._far: set[str] = set()
        self.latest: ShiftReport | None = None

    @property
    def history(self) -> ShiftHistory:
        """All measurements so far, one number a layer."""
        paths = list(dict.fromkeys(path for _, shifts in self._rows for path in shifts))
        nothing = (math.nan, math.nan)
        rows = {path: [shifts.get(path, nothing) for _, shifts in self._rows] for path in paths}
        return ShiftHistory(
            tuple(step for step, _ in self._rows),
            {path: tuple(shift for shift, _ in values) for path, values in rows.items()},
            {path: tuple(mean for _, mean in values) for path, values in rows.items()},
        )

    def keep(self, step: int, report: ShiftReport, *, settled: bool) -> None:
        """One measurement.

        Args:
            step: The training step.
            report: What was measured.
            settled: Whether running statistics have forgotten their initial values, so that a
                warning makes sense.
        """
        self.latest = report
        self._rows.append((step, {each.path: (each.shift, each.mean_shift) for each in report}))
        if self._warn and settled:
            self._tell(step, report)

    def _tell(self, step: int, report: ShiftReport) -> None:
        """Warn of the layers that are beyond 0.8 for the first time."""
        far = [layer for layer in report if layer.severity == "error"]
        new = [layer for layer in far if layer.path not in self._far]
        self._far |= {layer.path for layer in far}
        if new:
            warnings.warn(_message(step, new), ShiftWarning, stacklevel=2)


class WatchedTraining:
    """What the monitors of all frameworks have in common: a log, and the time that it takes."""

    _log: ShiftLog
    _began = _ended = _watching = 0.0

    @property
    def latest(self) -> ShiftReport | None:
        """The last measurement, per channel; `None` before the first."""
        return self._log.latest

    @property
    def history(self) -> ShiftHistory:
        """All measurements of the current training, or the last one; one number a layer."""
        return self._log.history

    @property
    def share(self) -> float:
        """How much of the training's time went into measuring, in [0, 1]."""
        whole = (self._ended or time.perf_counter()) - self._began
        return self._watching / whole if whole > 0 else 0.0


def scalars(report: ShiftReport) -> dict[str, float]:
    """`shift/<path>` and `mean_shift/<path>` of every norm layer, as loggers take them.

    >>> layer = LayerShift("bn", "measured", eval_mean=[0], eval_variance=[1], train_mean=[0],
    ...                    train_variance=[2])
    >>> scalars(ShiftReport([layer], "measured"))
    {'shift/bn': 0.5, 'mean_shift/bn': 0.0}
    """
    named = {f"shift/{layer.path}": layer.shift for layer in report}
    return named | {f"mean_shift/{layer.path}": layer.mean_shift for layer in report}


def affordable(every: int, batch: int) -> int:
    """How many examples a look at every so many steps may take, to cost 1.5 % of the training.

    >>> affordable(100, 64), affordable(10, 256)
    (288, 116)
    """
    return max(_FEWEST, math.ceil(_BUDGET * _PASSES_PER_STEP * every * batch))


def _message(step: int, layers: list[LayerShift]) -> str:
    most = 5
    named = ", ".join(f"{layer.path} ({layer.shift:.2f})" for layer in layers[:most])
    more = f" and {len(layers) - most} more" if len(layers) > most else ""
    return (
        f"step {step}: in eval mode the input of {named}{more} has another variance than the "
        "running one (ratio in brackets): normdrop.measure names the cause, normdrop.fix mends it"
    )
