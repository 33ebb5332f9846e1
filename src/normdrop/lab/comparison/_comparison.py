"""The result of an experiment: who is best, which differences are real, and how it looks."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderResult

from normdrop.errors import NormdropError
from normdrop.lab.comparison import _sentences
from normdrop.lab.comparison._record import record
from normdrop.lab.comparison._results import Results
from normdrop.lab.comparison._table import ranking_table
from normdrop.values.display import Table

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


@dataclass(frozen=True)
class Comparison(Results):
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

    def findings(self) -> list[str]:
        """What the numbers say and what they do not, as plain sentences."""
        return _sentences.conclusions(self)

    def reading(self) -> list[str]:
        """What the reader of the numbers must know, as plain sentences."""
        return _sentences.caveats(self)

    def sentences(self) -> list[str]:
        """The findings, then how to read them."""
        return _sentences.sentences(self)

    def table(self, *, full: bool = False) -> Table:
        """The ranking as a table: the columns that fit in 80, or all of them."""
        return ranking_table(self, full=full)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON has it: description, ranking, pairs, settings, versions, trials."""
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
