"""The story as a small SVG file: the shift at every norm layer, and what it does to accuracy."""

from collections.abc import Iterator, Mapping
from math import log
from typing import Any

from story.page import HARMED, NONE

_WIDTH, _ROW, _TOP = 760, 20, 60
_NAMES, _PLOT = 110, 270
_BARS = 480
_LONGEST_BAR = 190
_RED, _GREEN, _GREY = "#d55e00", "#009e73", "#999999"
_TICKS = (0.2, 0.5, 1.0, 2.0)


def figure(numbers: Mapping[str, Any]) -> str:
    """The figure's text, made from the numbers and nothing else."""
    harmed = numbers["networks"][HARMED]
    height = _TOP + _ROW * len(harmed["shifts"]) + 50
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}">',
        '<g font-family="sans-serif" font-size="11">',
        "<title>Shift and accuracy of a PreResNet with dropout before norm layers</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        *_shifts(harmed, height),
        *_accuracies(numbers),
        "</g></svg>\n",
    ]
    return "\n".join(parts)


def _shifts(network: Mapping[str, Any], height: int) -> Iterator[str]:
    both = [*network["shifts"].values(), *network["predicted"].values(), 1.0]
    low, high = log(min(both)) - 0.15, log(max(both)) + 0.15

    def at(shift: float) -> float:
        return _NAMES + _PLOT * (log(shift) - low) / (high - low)

    bottom = height - 40
    yield _text(_NAMES, 20, "Shift at every norm layer", bold=True)
    yield _dot(_NAMES + 5, 38, _RED) + _text(_NAMES + 14, 42, "measured")
    yield _ring(_NAMES + 85, 38) + _text(_NAMES + 94, 42, "predicted without data")
    for tick in _TICKS:
        if low < log(tick) < high:
            x = at(tick)
            colour = "#555" if tick == 1 else "#ddd"
            yield f'<path d="M{x:.1f} {_TOP - 6}V{bottom}" stroke="{colour}"/>'
            yield _text(x, bottom + 14, f"{tick:g}", anchor="middle")
    yield _text(
        _NAMES + _PLOT / 2, bottom + 30, "eval variance / running variance", anchor="middle"
    )
    for row, (path, shift) in enumerate(network["shifts"].items()):
        y = _TOP + _ROW * (row + 0.5)
        yield _text(_NAMES - 8, y + 4, path, anchor="end")
        yield _dot(at(shift), y, _RED)
        yield _ring(at(network["predicted"][path]), y)


def _accuracies(numbers: Mapping[str, Any]) -> Iterator[str]:
    harmed, none = numbers["networks"][HARMED], numbers["networks"].get(NONE)
    bars = [
        ("eval mode, as trained", harmed["eval_mode"], _RED),
        ("recalibrated without data", harmed["without_data"], _GREEN),
        ("recalibrated with data", harmed["with_data"], _GREEN),
        ("train mode", harmed["train_mode"], _GREY),
    ]
    if none is not None:
        bars.append(("trained without dropout", none["eval_mode"], _GREY))
    most = max(value for _, value, _ in bars)
    yield _text(_BARS, 20, "Test accuracy", bold=True)
    for row, (name, value, colour) in enumerate(bars):
        y = _TOP + 40 * row
        length = _LONGEST_BAR * value / most
        yield _text(_BARS, y - 4, name)
        yield f'<rect x="{_BARS}" y="{y}" width="{length:.1f}" height="14" fill="{colour}"/>'
        yield _text(_BARS + length + 6, y + 11, f"{100 * value:.1f} %")


def _text(x: float, y: float, words: str, *, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{words}</text>'


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'


def _ring(x: float, y: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="none" stroke="#555"/>'
