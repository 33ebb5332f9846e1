"""Figures on plain arrays: a ranking with intervals, curves, pairs of dots. Needs plotly.

Backgrounds are transparent and ink is a mid grey, so that a figure is legible on light and dark
pages; a page that knows its own colours sets them by style sheet.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

_INK = "#7a7f87"
_GRID = "rgba(128, 134, 142, 0.25)"
_ACCENT = "#3b82c4"
_SECOND = "#d9762b"
# Tol's muted scheme and its neighbours in lightness: ten hues that differ on white and on black,
# also to most colour-blind readers.
_HUES = (
    *("#4477aa", "#ee6677", "#228833", "#bba52e", "#55b5d9"),
    *("#aa3377", "#999999", "#cc7744", "#7766cc", "#44aa99"),
)
_DASHES = ("solid", "dash", "dot")
_MANY_DECADES = 2
_MOST_TICKS = 8
# Bands of more curves than this cover one another.
_MOST_BANDS = 4


@dataclass(frozen=True)
class Estimate:
    """A named value, its interval if it has one, the points behind it, and a published figure."""

    name: str
    value: float
    interval: tuple[float, float] | None = None
    points: tuple[float, ...] = ()
    published: float | None = None


@dataclass(frozen=True)
class Curve:
    """A named series of values, with the lowest and highest of each; steps count from 1."""

    name: str
    values: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    steps: tuple[int, ...] = ()


@dataclass(frozen=True)
class DotPair:
    """A named pair of values, whose distance is what matters."""

    name: str
    first: float
    second: float


def ranking(
    estimates: Sequence[Estimate], axis: str, published_label: str = "published"
) -> go.Figure:
    """Values with their intervals and points, the first on top; published figures as diamonds."""
    names = [item.name for item in estimates]
    figure = _rows(names, axis)
    points = [(point, row) for row, item in enumerate(estimates) for point in item.points]
    if points:
        marker = {"size": 5, "color": _INK, "opacity": 0.55}
        figure.add_trace(_dots(points, names, "one seed", marker))
    reach = [item.interval or (item.value, item.value) for item in estimates]
    figure.add_trace(
        go.Scatter(
            x=[item.value for item in estimates],
            y=list(range(len(estimates))),
            text=names,
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [high - e.value for (_, high), e in zip(reach, estimates, strict=True)],
                "arrayminus": [e.value - low for (low, _), e in zip(reach, estimates, strict=True)],
                "color": _ACCENT,
                "thickness": 2,
                "width": 5,
            },
            mode="markers",
            name="mean and 95 % interval" if any(e.interval for e in estimates) else "mean",
            marker={"size": 10, "color": _ACCENT},
            hovertemplate="%{text}<br>%{x:.4f}<extra></extra>",
        )
    )
    published = [(e.published, r) for r, e in enumerate(estimates) if e.published is not None]
    if published:
        marker = {"size": 9, "symbol": "diamond-open", "color": _SECOND, "line": {"width": 2}}
        figure.add_trace(_dots(published, names, published_label, marker))
    return figure


def _dots(
    points: Sequence[tuple[float, int]], names: Sequence[str], label: str, marker: dict[str, object]
) -> go.Scatter:
    """Dots at values on rows."""
    return go.Scatter(
        x=[value for value, _ in points],
        y=[row for _, row in points],
        text=[names[row] for _, row in points],
        mode="markers",
        name=label,
        marker=marker,
        hovertemplate="%{text}<br>%{x:.4f}",
    )


def dot_pairs(pairs: Sequence[DotPair], axis: str, first: str, second: str) -> go.Figure:
    """Two values of each row joined by a line: open circle for the first, full for the second."""
    names = [pair.name for pair in pairs]
    figure = _rows(names, axis)
    for row, pair in enumerate(pairs):
        figure.add_trace(
            go.Scatter(
                x=[pair.first, pair.second],
                y=[row, row],
                mode="lines",
                line={"color": _INK, "width": 2},
                hoverinfo="skip",
                showlegend=False,
            )
        )
    marker = {"size": 10, "symbol": "circle-open", "color": _ACCENT, "line": {"width": 2}}
    firsts = [(pair.first, row) for row, pair in enumerate(pairs)]
    figure.add_trace(_dots(firsts, names, first, marker))
    seconds = [(pair.second, row) for row, pair in enumerate(pairs)]
    figure.add_trace(_dots(seconds, names, second, {"size": 10, "color": _ACCENT}))
    return figure


def curves(series: Sequence[Curve], step: str, axis: str) -> go.Figure:
    """Values over steps on a logarithmic axis, one line each, in the legend from first to last.

    Up to four curves show the band between their lowest and highest values.
    """
    figure = _figure(height=560, axis=step)
    ticks = _log_ticks([value for curve in series for value in curve.values])
    labels = [f"{tick:g}" for tick in ticks]
    figure.update_yaxes(type="log", title={"text": axis}, tickvals=ticks, ticktext=labels)
    for number, curve in enumerate(series):
        hue = _HUES[number % len(_HUES)]
        dash = _DASHES[number // len(_HUES) % len(_DASHES)]
        steps = list(curve.steps or range(1, len(curve.values) + 1))
        if curve.low and len(series) <= _MOST_BANDS:
            figure.add_trace(_band(curve, steps, hue))
        figure.add_trace(
            go.Scatter(
                x=steps,
                y=list(curve.values),
                mode="lines" if len(steps) > 1 else "markers",
                name=curve.name,
                legendgroup=curve.name,
                line={"color": hue, "width": 2, "dash": dash},
                hovertemplate="%{y:.4f}",
            )
        )
    last = max(
        (step for curve in series for step in curve.steps or (len(curve.values),)), default=1
    )
    figure.update_xaxes(dtick=_whole_step(last))
    figure.update_layout(hovermode="x unified")
    return figure


def _whole_step(last: int) -> int:
    """A round whole number between ticks, so that an axis of epochs has no halves.

    >>> [_whole_step(last) for last in (1, 8, 20, 300)]
    [1, 1, 5, 50]
    """
    decade = int(10 ** math.floor(math.log10(max(last / _MOST_TICKS, 1))))
    return next(digit * decade for digit in (1, 2, 5, 10) if digit * decade * _MOST_TICKS >= last)


def _log_ticks(values: Sequence[float]) -> list[float]:
    """Round numbers within the values, a few for each decade and more where decades are few."""
    positive = [value for value in values if 0 < value < math.inf]
    if not positive:
        return []
    first, last = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
    leading = (1, 2, 5) if last - first > _MANY_DECADES else (1, 2, 3, 4, 5, 7)
    ticks = [digit * 10.0**decade for decade in range(first, last + 1) for digit in leading]
    return [tick for tick in ticks if min(positive) / 1.5 <= tick <= max(positive) * 1.5]


def _band(curve: Curve, steps: list[int], hue: str) -> go.Scatter:
    red, green, blue = (int(hue[place : place + 2], 16) for place in (1, 3, 5))
    return go.Scatter(
        x=steps + steps[::-1],
        y=[*curve.high, *curve.low[::-1]],
        mode="lines",  # few points would have markers otherwise
        fill="toself",
        fillcolor=f"rgba({red}, {green}, {blue}, 0.12)",
        line={"width": 0},
        hoverinfo="skip",
        legendgroup=curve.name,
        showlegend=False,
    )


def _rows(names: Sequence[str], axis: str) -> go.Figure:
    """A figure with one row for each name, the first on top."""
    figure = _figure(height=130 + 30 * len(names), axis=axis)
    rows = list(range(len(names)))
    ends = [len(names) - 0.5, -0.5]
    figure.update_yaxes(tickvals=rows, ticktext=list(names), range=ends, zeroline=False)
    figure.update_xaxes(zeroline=False)
    return figure


def _figure(height: int, axis: str) -> go.Figure:
    figure = go.Figure()
    line = {"gridcolor": _GRID, "zerolinecolor": _GRID, "linecolor": _GRID, "automargin": True}
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 8, "r": 16, "t": 8, "b": 40},
        paper_bgcolor="rgba(0, 0, 0, 0)",
        plot_bgcolor="rgba(0, 0, 0, 0)",
        font={"family": "system-ui, sans-serif", "size": 13, "color": _INK},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
        xaxis={**line, "title": {"text": axis}},
        yaxis={**line},
    )
    return figure
