"""A comparison as a small SVG file: each variant's mean, interval, seeds and published figure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

from normdrop.lab.comparison import Comparison, VariantSummary
from normdrop.values.display import escaped

_WIDTH, _ROW, _PANEL = 760, 20, 34
_NAMES, _RIGHT, _BOTTOM = 220, 30, 52
_INK, _GRID, _DOT, _SEED, _PUBLISHED = "#333333", "#dddddd", "#0072b2", "#999999", "#d55e00"
_TICKS = 5
_NEAR = 0.5
"""How far outside our own values, in their range, a published figure may stretch the axis."""


@dataclass(frozen=True)
class _Axis:
    """Where a value stands, in pixels from the left."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        part = (value - self.low) / (self.high - self.low)
        return _NAMES + part * (_WIDTH - _NAMES - _RIGHT)


def forest(comparisons: Sequence[Comparison]) -> str:
    """The SVG's text: a block per panel on one common axis, variants in the recipe's order."""
    shown = [[c[name] for name in c.description.variants if c[name].seeds] for c in comparisons]
    endpoint = comparisons[0].description.endpoint
    rows = sum(map(len, shown))
    height = rows * _ROW + len(comparisons) * _PANEL + _BOTTOM
    scale = _scale([summary for panel in shown for summary in panel], endpoint.name)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}">',
        f"<title>{escaped(comparisons[0].description.title)}</title>",
        '<g font-family="sans-serif" font-size="11">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        *_axis(scale, height, endpoint.axis),
    ]
    top = 0.0
    for comparison, panel in zip(comparisons, shown, strict=True):
        parts.append(_text(10, top + 22, comparison.description.panel or "variant", bold=True))
        top += _PANEL
        for summary in panel:
            parts += _row(summary, top + _ROW / 2, scale, endpoint.name)
            top += _ROW
    return "\n".join([*parts, "</g></svg>\n"])


def _scale(summaries: Sequence[VariantSummary], endpoint: str) -> _Axis:
    """A scale that holds every mean, interval and seed, and the published figures near them."""
    values = [value for summary in summaries for value in _values(summary)]
    low, high = min(values), max(values)
    reach = _NEAR * (high - low)
    published = [s.published[endpoint] for s in summaries if endpoint in s.published]
    near = [value for value in published if low - reach <= value <= high + reach]
    low, high = min([low, *near]), max([high, *near])
    margin = 0.04 * (high - low) or 0.5
    return _Axis(low - margin, high + margin)


def _values(summary: VariantSummary) -> Iterator[float]:
    yield summary.endpoint
    yield from summary.points
    if summary.interval is not None:
        yield from summary.interval


def _axis(scale: _Axis, height: float, label: str) -> Iterator[str]:
    bottom = height - _BOTTOM + 8
    step = _step((scale.high - scale.low) / _TICKS)
    for number in range(ceil(scale.low / step), floor(scale.high / step) + 1):
        value = number * step
        x = scale(value)
        yield f'<path d="M{x:.1f} 8V{bottom}" stroke="{_GRID}"/>'
        yield _text(x, bottom + 14, f"{value:.6g}", anchor="middle")
    middle = (scale(scale.low) + scale(scale.high)) / 2
    yield _text(middle, bottom + 32, label, anchor="middle")


def _step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is at least so much.

    >>> _step(0.013), _step(3.0)
    (0.02, 5.0)
    """
    power = 10.0 ** floor(log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least)


def _row(summary: VariantSummary, y: float, scale: _Axis, endpoint: str) -> Iterator[str]:
    yield _text(_NAMES - 10, y + 4, summary.name, anchor="end")
    for point in summary.points:
        x = scale(point)
        yield f'<path d="M{x:.1f} {y - 4:.1f}V{y + 4:.1f}" stroke="{_SEED}" stroke-width="1"/>'
    if summary.interval is not None and all(map(isfinite, summary.interval)):
        left, right = (scale(end) for end in summary.interval)
        yield f'<path d="M{left:.1f} {y:.1f}H{right:.1f}" stroke="{_DOT}" stroke-width="3"/>'
    yield f'<circle cx="{scale(summary.endpoint):.1f}" cy="{y:.1f}" r="4" fill="{_DOT}"/>'
    if endpoint in summary.published:
        value = summary.published[endpoint]
        x, beyond = scale(value), value < scale.low or value > scale.high
        shape = f"M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z"
        if beyond:  # an arrow at the edge that it lies behind
            edge, way = (_NAMES, -6) if value < scale.low else (_WIDTH - _RIGHT, 6)
            shape = f"M{edge} {y - 4:.1f}l{way} 4l{-way} 4z"
        yield f'<path d="{shape}" fill="none" stroke="{_PUBLISHED}" stroke-width="1.5"/>'


def _text(x: float, y: float, words: str, *, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{_INK}"'
    return f"<text {place}{weight}>{escaped(words)}</text>"
