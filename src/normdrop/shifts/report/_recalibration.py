"""Running statistics before and after they were estimated anew."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from normdrop.shifts.report._report import LayerShift, ShiftReport
from normdrop.values.display import Column, Row, ShownAsTables, Table, Tone, rounded

if TYPE_CHECKING:
    import pandas as pd

RecalibrationMethod = Literal["batch", "exact", "inverted"]


@dataclass(frozen=True, eq=False)
class Recalibration(ShownAsTables):
    """What a model's norm layers had stored, what they store now, and the way back.

    Attributes:
        method: How the statistics were estimated: in one pass, each norm layer going by its batch
            (`"batch"`), in passes until every layer meets what it has stored (`"exact"`), or
            without data (`"inverted"`).
        before: What reached every norm layer against what it had stored.
        after: What reaches it against what it stores now, where that was measured: by `"exact"`
            and with a metric.
        stored: Norm layer path to its new running mean and variance, one number per channel each.
        frozen: Norm layers that were left as they are.
        metric: What the metric is called, or an empty string.
        metric_before: Its value in eval mode before, NaN without a metric.
        metric_after: Its value in eval mode after, NaN without a metric.
        notes: What must be known to read the numbers, in sentences.
        refused: Why nothing was changed, in a sentence; empty where the statistics are new.
    """

    method: RecalibrationMethod
    before: ShiftReport
    after: ShiftReport | None
    stored: dict[str, tuple[np.ndarray, np.ndarray]]
    frozen: tuple[str, ...] = ()
    metric: str = ""
    metric_before: float = math.nan
    metric_after: float = math.nan
    notes: tuple[str, ...] = ()
    _undo: Callable[[], None] = field(default=lambda: None, repr=False)
    refused: str = ""

    def undo(self) -> None:
        """Put the statistics back that the model had before, whatever happened to them since."""
        self._undo()

    def to_dict(self) -> dict[str, object]:
        """Everything in types that JSON knows."""
        return {
            "method": self.method,
            "metric": self.metric or None,
            "metric_before": _json(self.metric_before),
            "metric_after": _json(self.metric_after),
            "frozen": list(self.frozen),
            "notes": list(self.notes),
            "before": self.before.to_dict(),
            "after": None if self.after is None else self.after.to_dict(),
            "stored": {
                path: {"mean": mean.tolist(), "variance": variance.tolist()}
                for path, (mean, variance) in self.stored.items()
            },
        }

    def to_dataframe(self) -> "pd.DataFrame":
        """One row per norm layer, the worst before first.

        Raises:
            ImportError: pandas is not installed.
        """
        import pandas as pd

        return pd.DataFrame([self._values(layer) for layer in self.before])

    def to_table(self) -> Table:
        """One row per norm layer, the worst before first, and one for the metric."""
        columns = [
            Column("norm layer", meaning="module path"),
            Column("variance before", "right", "stored, mean over channels"),
            Column("after", "right", "stored, mean over channels"),
            Column("shift before", "right", "variance that reached it / stored variance"),
            Column("after", "right", "the same with the new statistics"),
        ]
        columns = columns if self.after is not None else columns[:-1]
        rows = [self._row(layer) for layer in self.before]
        if self.metric:
            cells = [self.metric, rounded(self.metric_before), rounded(self.metric_after)]
            rows.append(Row((*cells, *[""] * (len(columns) - len(cells)))))
        return Table("Running statistics, recalibrated", tuple(columns), tuple(rows), self.notes)

    def _values(self, layer: LayerShift) -> dict[str, object]:
        frozen = layer.path in self.frozen
        before = float(np.mean(np.asarray(layer.train_variance)))
        after = before if frozen else float(np.mean(self.stored[layer.path][1]))
        return {
            "path": layer.path,
            "frozen": frozen,
            "variance_before": before,
            "variance_after": after,
            "shift_before": layer.shift,
            "shift_after": math.nan if self.after is None else self.after[layer.path].shift,
            "mean_shift_before": layer.mean_shift,
        }

    def _row(self, layer: LayerShift) -> Row:
        values = self._values(layer)
        name = f"{layer.path} (frozen)" if values["frozen"] else layer.path
        numbers = [float(str(values[key])) for key in ("variance_before", "variance_after")]
        cells = [name, *map(rounded, numbers), f"{layer.shift:.3f}"]
        if self.after is not None:
            cells.append(f"{self.after[layer.path].shift:.3f}")
        return Row(tuple(cells), self._tone(layer))

    def _tone(self, layer: LayerShift) -> Tone:
        """Good where a shift went, bad where one stays or came."""
        if self.after is None:
            return "plain"
        if self.after[layer.path].severity != "note":
            return "bad"
        return "plain" if layer.severity == "note" else "good"


def _json(value: float) -> float | None:
    return value if math.isfinite(value) else None
