"""Figures carry the numbers they are given."""

import math
from typing import Any

import plotly.graph_objects as go
import pytest

from normdrop.values.display.figures import Curve, DotPair, Estimate, curves, dot_pairs, ranking


def traces(figure: go.Figure) -> tuple[Any, ...]:
    """A figure's traces, whose attributes plotly's types do not tell."""
    return tuple(figure.data)


def test_ranking_draws_intervals_points_and_published() -> None:
    """The error bars reach the interval's ends; rows without one have none."""
    figure = ranking(
        [
            Estimate("a", 1.0, (0.8, 1.3), (0.9, 1.1), published=2.0),
            Estimate("b", 2.0),
        ],
        "loss",
    )
    points, means, published = traces(figure)
    assert (list(points.x), list(points.y)) == ([0.9, 1.1], [0, 0])
    assert list(means.error_x.array) == pytest.approx([0.3, 0.0])
    assert list(means.error_x.arrayminus) == pytest.approx([0.2, 0.0])
    assert (list(published.x), list(published.text)) == ([2.0], ["a"])
    assert tuple(figure.layout.yaxis.range) == (1.5, -0.5)
    assert figure.layout.xaxis.title.text == "loss"


def test_ranking_without_extras() -> None:
    """Without points, intervals and published figures there is one trace, called the mean."""
    assert [trace.name for trace in traces(ranking([Estimate("a", 1.0)], "loss"))] == ["mean"]


def test_dot_pairs_join_two_values() -> None:
    """Each row has a line between its two dots."""
    figure = dot_pairs([DotPair("a", 3.0, 1.0), DotPair("b", 2.0, 4.0)], "loss", "train", "eval")
    lines = [trace for trace in traces(figure) if trace.mode == "lines"]
    assert [list(line.x) for line in lines] == [[3.0, 1.0], [2.0, 4.0]]
    dots = {trace.name: list(trace.x) for trace in traces(figure) if trace.mode == "markers"}
    assert dots == {"train": [3.0, 2.0], "eval": [1.0, 4.0]}


def test_curves_have_bands_only_where_they_can_be_seen() -> None:
    """Four curves show their bands, five do not; steps count from 1."""
    curve = Curve("a", (0.3, 0.2), (0.2, 0.1), (0.4, 0.3))
    assert len(curves([curve] * 4, "epoch", "loss").data) == 8
    assert len(curves([curve] * 5, "epoch", "loss").data) == 5
    assert list(traces(curves([curve], "epoch", "loss"))[-1].x) == [1, 2]


def test_one_step_is_a_dot() -> None:
    """A curve of one step is drawn as a dot, since a line would not be seen."""
    assert traces(curves([Curve("a", (0.3,))], "epoch", "loss"))[0].mode == "markers"


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ((0.025, 0.1), [0.02, 0.03, 0.04, 0.05, 0.07, 0.1]),
        ((0.0001, 1.0), [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2]),
        ((0.0, math.nan), []),
    ],
)
def test_logarithmic_ticks_are_round(values: tuple[float, float], ticks: list[float]) -> None:
    """Ticks are round numbers around the values; none where no value is above zero."""
    shown = list(curves([Curve("a", values)], "epoch", "loss").layout.yaxis.tickvals)
    assert shown[: len(ticks)] == pytest.approx(ticks)


def test_colours_repeat_with_another_dash() -> None:
    """An eleventh curve takes the first colour again, dashed."""
    lines = [trace.line for trace in traces(curves([Curve("a", (1.0, 2.0))] * 11, "e", "l"))]
    assert lines[10].color == lines[0].color
    assert (lines[0].dash, lines[10].dash) == ("solid", "dash")


@pytest.mark.parametrize("steps", [1, 2, 5, 30])
def test_no_figure_leaves_it_to_plotly_what_is_drawn(steps: int) -> None:
    """Whose choice depends on how many points there are: a band of few would have markers."""
    values = tuple(1.0 + step for step in range(steps))
    curve = Curve(
        "a", values, low=tuple(v - 0.5 for v in values), high=tuple(v + 0.5 for v in values)
    )
    figures = (
        curves([curve], "epoch", "loss"),
        ranking([Estimate("a", 1.0, (0.5, 1.5), values, 2.0)], "loss"),
        dot_pairs([DotPair("a", value, value + 1) for value in values], "loss", "x", "y"),
    )
    assert all(trace.mode is not None for figure in figures for trace in traces(figure))
    bands = [trace for trace in traces(figures[0]) if trace.fill]
    assert [trace.mode for trace in bands] == ["lines"]
