"""The shift at every norm layer, before and now, drawn as SVG in the page's own colours."""

import math
from collections.abc import Iterator

from normdrop.shifts.report import LayerShift, ShiftReport
from normdrop.values.display import escaped

_ROW, _TOP, _BOTTOM = 22, 34, 40
_NAMES, _PLOT, _RIGHT = 210, 500, 24
_WIDTH = _NAMES + _PLOT + _RIGHT
_TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
_MOST = 40
_LONGEST = 30
_SMALLEST_SPAN = math.log(1.6)


def shift_figure(before: ShiftReport | None, after: ShiftReport | None) -> str:
    """One row per norm layer: an open circle for before, a full one for now; 1 is no shift.

    The layers that were worst are drawn, 40 at most. Empty without any shift to draw.
    """
    layers = [layer for layer in before or () if layer.shift > 0][:_MOST]
    if not layers:
        return ""
    now = {layer.path: layer for layer in after or ()}
    drawn = [(layer, now.get(layer.path)) for layer in layers]
    values = [each.shift for pair in drawn for each in pair if each is not None and each.shift > 0]
    scale = _LogAxis(values)
    height = _TOP + _ROW * len(layers) + _BOTTOM
    parts = [
        f'<svg class="shifts" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="Shifts">',
        *_axis(scale, height),
        *(line for row, pair in enumerate(drawn) for line in _row(scale, row, *pair)),
        *_key(changed=after is not None),
        "</svg>",
    ]
    return "\n".join(parts)


class _LogAxis:
    """Places shifts along a logarithmic axis."""

    def __init__(self, values: list[float]) -> None:
        logs = [math.log(value) for value in values if math.isfinite(value)]
        self._low = min(*logs, -_SMALLEST_SPAN) - 0.1
        self._high = max(*logs, _SMALLEST_SPAN) + 0.1

    def __call__(self, shift: float) -> float:
        """Distance from the left edge."""
        part = (math.log(shift) - self._low) / (self._high - self._low)
        return _NAMES + part * _PLOT

    def holds(self, shift: float) -> bool:
        """Whether the axis reaches so far."""
        return self._low <= math.log(shift) <= self._high


def _axis(scale: _LogAxis, height: int) -> Iterator[str]:
    low, high = scale(0.8), scale(1 / 0.8)
    bottom = height - _BOTTOM
    yield (
        f'<rect class="band" x="{low:.1f}" y="{_TOP}" width="{high - low:.1f}" '
        f'height="{bottom - _TOP}"/>'
    )
    for tick in filter(scale.holds, _TICKS):
        x = scale(tick)
        kind = "one" if tick == 1 else "grid"
        yield f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{tick:g}</text>'
    yield (
        f'<text x="{_NAMES + _PLOT / 2}" y="{height - 6}" text-anchor="middle">'
        "eval variance / the variance it is divided by</text>"
    )


def _row(scale: _LogAxis, row: int, before: LayerShift, now: LayerShift | None) -> Iterator[str]:
    y = _TOP + _ROW * (row + 0.5)
    name = before.path or "the model"
    shown = name if len(name) <= _LONGEST else "…" + name[-_LONGEST + 1 :]
    x = scale(before.shift)
    yield f"<g><title>{escaped(name)}: {before.shift:.3f}{_later(now)}</title>"
    yield f'<text x="{_NAMES - 14}" y="{y + 4:.1f}" text-anchor="end">{escaped(shown)}</text>'
    if now is not None and now.shift > 0:
        yield f'<line class="way" x1="{x:.1f}" x2="{scale(now.shift):.1f}" y1="{y}" y2="{y}"/>'
    yield f'<circle class="before" cx="{x:.1f}" cy="{y}" r="5"/>'
    if now is not None and now.shift > 0:
        yield f'<circle class="now" cx="{scale(now.shift):.1f}" cy="{y}" r="5"/>'
    yield "</g>"


def _later(now: LayerShift | None) -> str:
    return "" if now is None else f", now {now.shift:.3f}"


def _key(*, changed: bool) -> Iterator[str]:
    yield f'<circle class="before" cx="{_NAMES + 6}" cy="14" r="5"/>'
    yield f'<text x="{_NAMES + 18}" y="18">{"before" if changed else "shift"}</text>'
    if changed:
        yield f'<circle class="now" cx="{_NAMES + 86}" cy="14" r="5"/>'
        yield f'<text x="{_NAMES + 98}" y="18">now</text>'
    yield f'<rect class="band" x="{_NAMES + 146}" y="7" width="14" height="14"/>'
    yield f'<text x="{_NAMES + 166}" y="18">within 0.8 and 1/0.8</text>'
