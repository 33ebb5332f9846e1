"""The result of an experiment: who is best, which differences are real, and how it looks."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderResult

from normdrop.errors import NormdropError
from normdrop.lab.comparison import _sentences
from normdrop.lab.comparison._analysis import VariantSummary
from normdrop.lab.comparison._results import Results, settings_used, versions_used
from normdrop.lab.comparison._sentences import sentences
from normdrop.lab.comparison._table import ranking_table
from normdrop.lab.trial import Outcome
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
        """Everything one needs to check or redo the comparison, as JSON has it; NaN is null."""
        trial = self.outcomes[0].trial
        names = [summary.name for summary in self]
        pairs = self.analysis.pairs
        endpoint = self.description.endpoint.name
        whole = {
            "description": asdict(self.description),
            "level": self.level,
            "recipe": trial.recipe,
            "recipe_version": trial.recipe_version,
            "data": {"name": trial.data, "checksum": trial.data_checksum},
            "precision": trial.precision,
            "devices": sorted({outcome.trial.device for outcome in self.outcomes}),
            "settings": settings_used(self),
            "versions": versions_used(self),
            "ranking": [_row(summary, endpoint) for summary in self],
            "pairs": [
                {
                    "first": names[row],
                    "second": names[column],
                    "difference": float(pairs.difference[row, column]),
                    "p": float(pairs.p[row, column]),
                    "seeds": int(pairs.seeds[row, column]),
                }
                for row in range(len(names))
                for column in range(row + 1, len(names))
            ],
            "groups": [[names[row] for row in group] for group in self.analysis.groups],
            "sentences": sentences(self),
            "trials": [_trial(outcome) for outcome in self.outcomes],
        }
        return {name: _plain(value) for name, value in whole.items()}

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
        return self.table(full=True).to_html()


def _row(summary: VariantSummary, endpoint: str) -> dict[str, Any]:
    """A summary's fields, with the endpoint and each metric under its own name."""
    fields = asdict(summary)
    means = {endpoint: fields.pop("endpoint"), **fields.pop("metrics")}
    return {**fields, **means, "mean_rank": summary.mean_rank}


def _trial(outcome: Outcome) -> dict[str, Any]:
    return {
        "variant": outcome.trial.variant,
        "seed": outcome.trial.seed,
        "key": outcome.trial.key,
        "device": outcome.trial.device,
        "status": outcome.status,
        "message": outcome.message,
        "seconds": outcome.seconds,
        "epochs": [asdict(epoch) for epoch in outcome.epochs],
        "measures": dict(outcome.measures),
    }


def _plain(value: object) -> object:
    """The same value of JSON's own types alone."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
