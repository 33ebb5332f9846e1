"""The scatter of predicted against true shifts, as a small SVG file."""

import math
from collections.abc import Sequence
from pathlib import Path

from family.points import Method, Point

_SIZE, _MARGIN = 420, 46
_LOW, _HIGH = math.log(0.004), math.log(2.5)
_TICKS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_COLOURS: dict[Method, str] = {"simulate": "#0072b2", "moments": "#009e73", "invert": "#d55e00"}
_LABELS: dict[Method, str] = {
    "simulate": "simulate, fresh weights",
    "moments": "moments, fresh weights",
    "invert": "invert, trained weights",
}


def scatter(points: Sequence[Point], path: Path) -> None:
    """Write the figure: one dot per norm layer, both axes logarithmic, the diagonal is exact."""
    low, high = _at(math.exp(_LOW)), _at(math.exp(_HIGH))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE} {_SIZE}">',
        '<g font-family="sans-serif" font-size="11">',
        "<title>Predicted against true shift at every norm layer of the test family</title>",
        f'<rect width="{_SIZE}" height="{_SIZE}" fill="white"/>',
        _line(low, low, high, high, "#888"),
        *(_tick(value) for value in _TICKS),
        *(_dot(point) for point in points),
        *(_key(row, method) for row, method in enumerate(_COLOURS)),
        f'<text x="{_SIZE / 2}" y="{_SIZE - 8}" text-anchor="middle">true shift</text>',
        f'<g transform="translate(12 {_SIZE / 2}) rotate(-90)">',
        '<text text-anchor="middle">predicted shift</text></g>',
        "</g></svg>\n",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(parts), encoding="utf-8")


def _at(shift: float) -> float:
    """Distance along an axis, from the origin's corner."""
    share = (math.log(shift) - _LOW) / (_HIGH - _LOW)
    return _MARGIN + share * (_SIZE - 1.5 * _MARGIN)


def _dot(point: Point) -> str:
    x, y = _at(point.true), _SIZE - _at(point.predicted)
    title = (
        f"{point.method}, {point.member} {point.path}: {point.predicted:.3f}, true {point.true:.3f}"
    )
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{_COLOURS[point.method]}" '
        f'fill-opacity="0.6"><title>{title}</title></circle>'
    )


def _tick(value: float) -> str:
    at = _at(value)
    return (
        _line(at, _MARGIN, at, _MARGIN - 4, "black")
        + _line(_MARGIN, at, _MARGIN - 4, at, "black")
        + f'<text x="{at:.1f}" y="{_SIZE - _MARGIN + 16}" text-anchor="middle">{value:g}</text>'
        + f'<text x="{_MARGIN - 8}" y="{_SIZE - at + 4:.1f}" text-anchor="end">{value:g}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    """A line between points counted from the lower left corner."""
    return (
        f'<line x1="{x1:.1f}" y1="{_SIZE - y1:.1f}" x2="{x2:.1f}" y2="{_SIZE - y2:.1f}" '
        f'stroke="{colour}"/>'
    )


def _key(row: int, method: Method) -> str:
    y = _MARGIN / 2 + 14 * row + 6
    return (
        f'<circle cx="{_MARGIN + 12}" cy="{y}" r="4" fill="{_COLOURS[method]}"/>'
        f'<text x="{_MARGIN + 22}" y="{y + 4}">{_LABELS[method]}</text>'
    )
