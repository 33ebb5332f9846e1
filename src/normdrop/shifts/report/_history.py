"""The shift at every norm layer while a model is trained."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from normdrop.values.display import Column, Row, ShownAsTables, Table
from normdrop.values.severity import severity

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

_COLUMNS = (
    Column("norm layer", meaning="module path"),
    Column("first", "right", "shift at the first measurement"),
    Column("worst", "right", "the shift farthest from 1"),
    Column("at step", "right", "when it was worst"),
    Column("last", "right", "shift at the last measurement"),
    Column("severity", meaning="of the last shift"),
)


@dataclass(frozen=True, eq=False)
class ShiftHistory(ShownAsTables):
    """The shift at every norm layer, measurement by measurement.

    Attributes:
        steps: The training step of each measurement, rising.
        shifts: Norm layer path to its shift at each of the steps, eval variance / running variance;
            NaN where the layer was not called.
        mean_shifts: Norm layer path to its mean shift at each of the steps.

    >>> history = ShiftHistory((100, 200), {"bn": (0.9, 0.7)}, {"bn": (0.0, 0.1)})
    >>> len(history), history.last
    (2, {'bn': 0.7})
    """

    steps: tuple[int, ...]
    shifts: Mapping[str, tuple[float, ...]]
    mean_shifts: Mapping[str, tuple[float, ...]]

    def __len__(self) -> int:
        """How many measurements."""
        return len(self.steps)

    @property
    def last(self) -> dict[str, float]:
        """Norm layer path to its shift at the last measurement; empty before the first."""
        return {path: values[-1] for path, values in self.shifts.items() if values}

    def to_dict(self) -> dict[str, object]:
        """The whole history in types that JSON knows."""
        return {
            "steps": list(self.steps),
            "shifts": {path: _known(values) for path, values in self.shifts.items()},
            "mean_shifts": {path: _known(values) for path, values in self.mean_shifts.items()},
        }

    def to_dataframe(self) -> "pd.DataFrame":
        """One row per measurement and layer: step, path, shift, mean shift, severity.

        Raises:
            ImportError: pandas is not installed.
        """
        import pandas as pd

        rows = [
            (step, path, shift, self.mean_shifts[path][at], severity(shift))
            for at, step in enumerate(self.steps)
            for path, shift in ((path, values[at]) for path, values in self.shifts.items())
        ]
        return pd.DataFrame(rows, columns=["step", "path", "shift", "mean_shift", "severity"])

    def to_table(self) -> Table:
        """One row per norm layer, the one that ended farthest from 1 on top."""
        notes = [f"{len(self)} measurements up to step {self.steps[-1]}."] if self.steps else []
        if not self.steps:
            notes = ["Nothing has been measured yet."]
        ranked = sorted(self.shifts, key=lambda path: -distance(self.shifts[path][-1]))
        rows = tuple(_row(path, self.steps, self.shifts[path]) for path in ranked)
        return Table("Shift while training", _COLUMNS, rows, tuple(notes))

    def plot(self, most: int = 10) -> "go.Figure":
        """The shift over the steps, one line a layer, of the layers that end farthest from 1.

        Args:
            most: How many layers are drawn.

        Raises:
            ImportError: plotly is not installed.
        """
        from normdrop.values.display.figures import Curve, curves

        ranked = sorted(self.shifts, key=lambda path: -distance(self.shifts[path][-1]))[:most]
        series = [Curve(path, self.shifts[path], steps=self.steps) for path in ranked]
        return curves(series, "step", "eval variance / running variance")


def distance(shift: float) -> float:
    """How far a shift is from 1, whichever way: |log Δ|; below any shift where it is unknown."""
    if math.isnan(shift):
        return -1.0
    return abs(math.log(shift)) if shift > 0 else math.inf


def _row(path: str, steps: tuple[int, ...], values: tuple[float, ...]) -> Row:
    worst = max(range(len(values)), key=lambda at: distance(values[at]))
    level = severity(values[-1])
    shown = (*(_shown(values[at]) for at in (0, worst)), str(steps[worst]), _shown(values[-1]))
    return Row((path, *shown, level), "plain" if level == "note" else "bad")


def _shown(shift: float) -> str:
    return "not called" if math.isnan(shift) else f"{shift:.3f}"


def _known(values: tuple[float, ...]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values]
