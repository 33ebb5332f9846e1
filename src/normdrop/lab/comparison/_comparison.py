"""The result of an experiment: who is best, which differences are real, and how it looks."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderResult

from normdrop.errors import NormdropError, UsageError
from normdrop.lab.comparison._analysis import Analysis, analysed
from normdrop.lab.comparison._description import Description
from normdrop.lab.comparison._grid import Grid, arranged
from normdrop.lab.comparison._summary import VariantSummary
from normdrop.lab.trial import Outcome
from normdrop.values.display import Table

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


@dataclass(frozen=True)
class Comparison:
    """What a set of trials says about its variants. Iterating yields their summaries, best first.

    In a terminal (`rich.print`) and in a notebook it shows its table; `normdrop.report.write_html`
    makes it a document.

    Args:
        description: What was compared and why.
        outcomes: How every trial ended, finished or not.
        level: The chance of any false claim of a difference that is accepted.

    Raises:
        UsageError: If the outcomes do not belong together or to the description.
    """

    description: Description
    outcomes: tuple[Outcome, ...]
    level: float = 0.05

    def __post_init__(self) -> None:
        baseline = self.description.baseline
        if baseline is not None and baseline not in self.description.variants:
            raise UsageError(f"the baseline {baseline!r} is not among the variants")
        if not 0 < self.level < 1:
            raise UsageError(f"the level is {self.level}: it must lie between 0 and 1")
        arranged(self.description.variants, self.outcomes)

    @cached_property
    def grid(self) -> Grid:
        """The outcomes by variant, in the recipe's order, and seed."""
        return arranged(self.description.variants, self.outcomes)

    @cached_property
    def analysis(self) -> Analysis:
        """The ranking, all pairs, and the groups that cannot be told apart."""
        return analysed(self.description, self.grid, self.level)

    def __iter__(self) -> Iterator[VariantSummary]:
        """The variants' summaries, best first."""
        return iter(self.analysis.ranking)

    def __len__(self) -> int:
        """How many variants there are."""
        return len(self.description.variants)

    def __getitem__(self, variant: str) -> VariantSummary:
        """One variant's summary, by name."""
        for summary in self:
            if summary.name == variant:
                return summary
        raise KeyError(variant)

    def findings(self) -> list[str]:
        """What the numbers say and what they do not, as plain sentences."""
        from normdrop.lab.comparison._sentences import findings

        return findings(self)

    def reading(self) -> list[str]:
        """What the reader of the numbers must know, as plain sentences."""
        from normdrop.lab.comparison._sentences import reading

        return reading(self)

    def sentences(self) -> list[str]:
        """The findings, then how to read them."""
        return [*self.findings(), *self.reading()]

    def table(self, *, full: bool = False) -> Table:
        """The ranking as a table: the columns that fit in 80, or all of them."""
        from normdrop.lab.comparison._table import ranking_table

        return ranking_table(self, full=full)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON has it: description, ranking, pairs, settings, versions, trials."""
        from normdrop.lab.comparison._record import record

        return record(self)

    def to_dataframe(self) -> "pd.DataFrame":
        """One row per variant, best first, one column per field of its summary."""
        try:
            import pandas as pd
        except ImportError as error:
            raise NormdropError("to_dataframe() needs pandas: install normdrop[lab]") from error
        return pd.DataFrame(self.to_dict()["ranking"])

    def plot(self) -> "go.Figure":
        """The ranking with its intervals, or its points where seeds are too few, in plotly."""
        try:
            from normdrop.lab.comparison.figures import ranking_figure
        except ImportError as error:
            raise NormdropError("plot() needs plotly: install normdrop[report]") from error
        return ranking_figure(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The terminal's table."""
        yield self.table()

    def _repr_html_(self) -> str:
        """The notebook's table."""
        return self.table(full=True).to_html()
