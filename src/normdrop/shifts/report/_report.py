"""The shift at every norm layer of a model."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderResult

from normdrop.shifts.report._layer import LayerShift, Method
from normdrop.shifts.report._mode_table import ModeTable
from normdrop.shifts.report._table import table

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from normdrop.values.display import Table


@dataclass(frozen=True, eq=False)
class ShiftReport:
    """The shift at every norm layer of a model, worst first.

    Attributes:
        layers: One value per norm layer, sorted: the largest |log Δ| first, unknown ones last.
        method: How the numbers were obtained.
        notes: What holds for the whole model and must be known to read the numbers, in sentences.
        modes: A metric in four modes and what explains their difference, where one was measured.

    >>> report = ShiftReport([LayerShift("bn", "measured", eval_mean=[0], eval_variance=[1],
    ...                                  train_mean=[0], train_variance=[2])], "measured")
    >>> [layer.path for layer in report], len(report), report["bn"].shift
    (['bn'], 1, 0.5)
    """

    layers: Sequence[LayerShift]
    method: Method
    notes: tuple[str, ...] = ()
    modes: ModeTable | None = None

    def __post_init__(self) -> None:
        """Sort the layers, worst first; equal ones keep the model's order."""
        object.__setattr__(self, "layers", tuple(sorted(self.layers, key=_rank)))

    def __iter__(self) -> Iterator[LayerShift]:
        """The layers, worst first."""
        return iter(self.layers)

    def __len__(self) -> int:
        """How many norm layers."""
        return len(self.layers)

    def __getitem__(self, path: str) -> LayerShift:
        """The layer at a module path.

        Raises:
            KeyError: No norm layer has that path.
        """
        for layer in self:
            if layer.path == path:
                return layer
        raise KeyError(path)

    @property
    def findings(self) -> tuple[LayerShift, ...]:
        """The layers whose shift is a warning or an error, worst first."""
        return tuple(layer for layer in self if layer.severity != "note")

    def to_dict(self) -> dict[str, object]:
        """The whole report in types that JSON knows."""
        return {
            "method": self.method,
            "notes": list(self.notes),
            "modes": None if self.modes is None else self.modes.to_dict(),
            "layers": [layer.to_dict() for layer in self],
        }

    def to_dataframe(self) -> "pd.DataFrame":
        """One row per layer, worst first.

        Raises:
            ImportError: pandas is not installed.
        """
        import pandas as pd

        scalars = ("path", "shift", "mean_shift", "severity", "error", "method", "unknown")
        rows = [{name: getattr(layer, name) for name in scalars} for layer in self]
        return pd.DataFrame(rows, columns=list(scalars))

    def to_table(self) -> "Table":
        """One row per norm layer, worst first: shift, mean shift, severity and causes."""
        return table(self.layers, self.method, self.notes)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the table, so that `rich.print(report)` shows it."""
        for number, one in enumerate(self._tables()):
            if number:
                yield ""
            yield one

    def __str__(self) -> str:
        """The tables as plain text."""
        return "\n".join(one.to_text() for one in self._tables())

    def _repr_html_(self) -> str:
        """How a notebook shows the report."""
        return "".join(one.to_html() for one in self._tables())

    def _tables(self) -> "Iterator[Table]":
        yield self.to_table()
        if self.modes is not None:
            yield self.modes.to_table()

    def plot(self) -> "go.Figure":
        """A figure with one row per layer: no shift at 1, and the shift it has.

        Raises:
            ImportError: plotly is not installed.
        """
        from normdrop.values.display.figures import DotPair, dot_pairs

        known = [layer for layer in self if math.isfinite(layer.shift)]
        pairs = [DotPair(layer.path, 1.0, layer.shift) for layer in known]
        return dot_pairs(pairs, "eval variance / train variance", "no shift", self.method)


def _rank(layer: LayerShift) -> float:
    """Smaller for worse: minus |log Δ|, and infinite where nothing is known."""
    shift = layer.shift
    if math.isnan(shift):
        return math.inf
    return -abs(math.log(shift)) if shift > 0 else -math.inf
