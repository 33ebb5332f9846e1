"""The report's figures as data, and the library that draws them, packed."""

import base64
import gzip
from dataclasses import dataclass, replace
from functools import cache

import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from normdrop.lab.comparison import Comparison
from normdrop.lab.comparison.figures import learning_figure, modes_figure, ranking_figure


@dataclass(frozen=True)
class Figure:
    """A figure of the page: its heading, what it shows, its height in pixels and its data."""

    name: str
    heading: str
    caption: str
    height: int
    data: Markup


def figures(comparison: Comparison, prefix: str = "") -> list[Figure]:
    """The ranking, learning curves, and train against eval mode; none if no trial finished.

    `prefix` sets their names apart from those of another comparison on the same page.
    """
    if not any(summary.seeds for summary in comparison):
        return []
    ranked = _packed(
        "ranking",
        "Ranking",
        f"Mean {comparison.description.endpoint.label} with its interval, and every seed's. Low is "
        "good.",
        ranking_figure(comparison),
    )
    trained = any(outcome.epochs for outcome in comparison.outcomes)
    drawn = [ranked, *(_training_figures(comparison) if trained else [])]
    return [replace(figure, name=prefix + figure.name) for figure in drawn]


def _training_figures(comparison: Comparison) -> list[Figure]:
    return [
        _packed(
            "test-curves",
            "Learning curves: test loss",
            "Mean over the finished trials. Click a name to hide it, double-click to see it alone.",
            learning_figure(comparison, lambda epoch: epoch.test_loss),
        ),
        _packed(
            "train-curves",
            "Learning curves: training loss in eval mode",
            "The same for the training examples, dropout off and running statistics in use.",
            learning_figure(comparison, lambda epoch: epoch.train_eval_loss),
        ),
        _packed(
            "modes",
            "Training loss: train mode and eval mode",
            "The same weights on the same examples. With dropout off, eval mode is expected on the "
            "left. The distance is no price of wrong statistics: what eval mode gains by dropping "
            "nothing is in it too.",
            modes_figure(comparison),
        ),
    ]


def _packed(name: str, heading: str, caption: str, figure: go.Figure) -> Figure:
    # JSON without "<" cannot end the script element it stands in.
    data = Markup(str(figure.to_json()).replace("<", "\\u003c"))  # noqa: S704 - escaped above
    return Figure(name, heading, caption, int(figure.layout.height or 0), data)


@cache
def plotly_source() -> str:
    """Plotly's library, compressed, in base64: 1.9 MB where the source takes 4.8 MB."""
    packed = gzip.compress(get_plotlyjs().encode(), compresslevel=9, mtime=0)
    return base64.b64encode(packed).decode()
