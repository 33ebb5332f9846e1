"""A comparison as a small SVG file: each variant's mean, interval, seeds and published figure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from normdrop.display import escaped, rounded
from normdrop.lab.comparison import Comparison, VariantSummary

_WIDTH, _ROW, _PANEL = 760, 20, 34
_NAMES, _RIGHT, _BOTTOM = 220, 30, 52
_INK, _GRID, _DOT, _SEED, _PUBLISHED = "#333333", "#dddddd", "#0072b2", "#999999", "#d55e00"
_TICKS = 5


@dataclass(frozen=True)
class _Scale:
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


def _scale(summaries: Sequence[VariantSummary], endpoint: str) -> _Scale:
    """A scale that holds every mean, interval and published figure, and nearly every seed."""
    values = [value for summary in summaries for value in _values(summary, endpoint)]
    low, high = min(values), max(values)
    margin = 0.04 * (high - low) or 0.5
    return _Scale(low - margin, high + margin)


def _values(summary: VariantSummary, endpoint: str) -> Iterator[float]:
    yield summary.endpoint
    yield from summary.points
    if summary.interval is not None:
        yield from summary.interval
    if endpoint in summary.published:
        yield summary.published[endpoint]


def _axis(scale: _Scale, height: float, label: str) -> Iterator[str]:
    bottom = height - _BOTTOM + 8
    step = (scale.high - scale.low) / _TICKS
    for number in range(_TICKS + 1):
        value = scale.low + number * step
        x = scale(value)
        yield f'<path d="M{x:.1f} 8V{bottom}" stroke="{_GRID}"/>'
        yield _text(x, bottom + 14, rounded(value, step / 2), anchor="middle")
    middle = (scale(scale.low) + scale(scale.high)) / 2
    yield _text(middle, bottom + 32, label, anchor="middle")


def _row(summary: VariantSummary, y: float, scale: _Scale, endpoint: str) -> Iterator[str]:
    yield _text(_NAMES - 10, y + 4, summary.name, anchor="end")
    for point in summary.points:
        x = scale(point)
        yield f'<path d="M{x:.1f} {y - 4:.1f}V{y + 4:.1f}" stroke="{_SEED}" stroke-width="1"/>'
    if summary.interval is not None and all(map(isfinite, summary.interval)):
        left, right = (scale(end) for end in summary.interval)
        yield f'<path d="M{left:.1f} {y:.1f}H{right:.1f}" stroke="{_DOT}" stroke-width="3"/>'
    yield f'<circle cx="{scale(summary.endpoint):.1f}" cy="{y:.1f}" r="4" fill="{_DOT}"/>'
    if endpoint in summary.published:
        x = scale(summary.published[endpoint])
        diamond = f"M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z"
        yield f'<path d="{diamond}" fill="none" stroke="{_PUBLISHED}" stroke-width="1.5"/>'


def _text(x: float, y: float, words: str, *, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{_INK}"'
    return f"<text {place}{weight}>{escaped(words)}</text>"
