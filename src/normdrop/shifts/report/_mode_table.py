"""A metric with dropout on and off, by batch and by running statistics."""

import math
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult

from normdrop.values.display import Column, Row, Table, rounded


@dataclass(frozen=True)
class ModeTable:
    """One metric of one model on the same batches in four modes, and what tells them apart.

    Attributes:
        metric: What the metric is called.
        eval_mode: Dropout off, running statistics: how the model is used.
        batch_statistics: Dropout off, every norm layer by its batch's statistics.
        dropout_on: Dropout on, running statistics: one draw of Monte Carlo dropout.
        train_mode: Dropout on, batch statistics: how the model was trained.
        explanations: What explains the difference, in sentences, the largest part first.

    >>> table = ModeTable("accuracy", 0.81, 0.94, 0.70, 0.92, ("Noise: ...",))
    >>> round(table.gap, 2)
    -0.11
    """

    metric: str
    eval_mode: float
    batch_statistics: float
    dropout_on: float
    train_mode: float
    explanations: tuple[str, ...] = ()

    @property
    def gap(self) -> float:
        """Eval mode minus train mode."""
        return self.eval_mode - self.train_mode

    def to_dict(self) -> dict[str, object]:
        """The table in types that JSON knows."""
        names = ("eval_mode", "batch_statistics", "dropout_on", "train_mode", "gap")
        values = {name: getattr(self, name) for name in names}
        return {
            "metric": self.metric,
            **{name: value if math.isfinite(value) else None for name, value in values.items()},
            "explanations": list(self.explanations),
        }

    def to_table(self) -> Table:
        """Two rows for dropout, two columns for the statistics."""
        columns = (
            Column("dropout"),
            Column("running statistics", "right", "what the norm layers have stored"),
            Column("batch statistics", "right", "what each batch shows"),
        )
        rows = (
            Row(("off", f"{rounded(self.eval_mode)} (eval)", rounded(self.batch_statistics))),
            Row(("on", rounded(self.dropout_on), f"{rounded(self.train_mode)} (train)")),
        )
        return Table(f"{self.metric} in four modes", columns, rows, self.explanations)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the table, so that `rich.print(table)` shows it."""
        yield self.to_table()

    def __str__(self) -> str:
        """The table as plain text."""
        return self.to_table().to_text()

    def _repr_html_(self) -> str:
        """How a notebook shows the table."""
        return self.to_table().to_html()
