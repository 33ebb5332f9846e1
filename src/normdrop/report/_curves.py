"""Learning curves as a small SVG file: a square per variant, the losses of both modes in it."""

from collections.abc import Iterator, Mapping, Sequence

from normdrop.values.display import escaped, rounded

_WIDTH, _COLUMNS, _HEIGHT, _TOP = 760, 3, 190, 30
_LEFT, _GAP, _BASE = 44, 26, 34
_LOSSES = {
    "train_loss": ("training loss, train mode", "#0072b2", ""),
    "train_eval_loss": ("training loss, eval mode", "#009e73", "6 3"),
    "test_loss": ("test loss", "#d55e00", "2 2"),
}

Curves = Mapping[tuple[str, str], Sequence[Mapping[str, float]]]


def curves_figure(curves: Curves) -> str:
    """The SVG's text; every square has its own loss axis from zero."""
    rows = -(-len(curves) // _COLUMNS)
    height = _TOP + rows * _HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}">',
        "<title>Learning curves</title>",
        '<g font-family="sans-serif" font-size="11" fill="#333333">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
    ]
    for number, (label, colour, dashes) in enumerate(_LOSSES.values()):
        x = 20 + 230 * number
        parts.append(_line(f"M{x} 14h28", colour, dashes))
        parts.append(f'<text x="{x + 36}" y="18">{label}</text>')
    for number, ((panel, variant), epochs) in enumerate(curves.items()):
        left = number % _COLUMNS * _WIDTH / _COLUMNS + _LEFT
        top = _TOP + number // _COLUMNS * _HEIGHT + 24
        parts += _square(f"{panel}: {variant}" if panel else variant, epochs, left, top)
    return "\n".join([*parts, "</g></svg>\n"])


def _square(
    name: str, epochs: Sequence[Mapping[str, float]], left: float, top: float
) -> Iterator[str]:
    width = _WIDTH / _COLUMNS - _LEFT - _GAP
    height = _HEIGHT - 24 - _BASE
    most = max(epoch[loss] for epoch in epochs for loss in _LOSSES)
    last = max(epoch["epoch"] for epoch in epochs)
    yield f'<text x="{left:.1f}" y="{top - 8:.1f}" font-weight="bold">{escaped(name)}</text>'
    yield _line(f"M{left:.1f} {top:.1f}v{height}h{width:.1f}", "#999999", "")
    for text, y in ((rounded(most, digits=2), top + 8), ("0", top + height)):
        yield f'<text x="{left - 5:.1f}" y="{y:.1f}" text-anchor="end">{text}</text>'
    yield (
        f'<text x="{left + width:.1f}" y="{top + height + 14:.1f}" text-anchor="end">'
        f"epoch {last:g}</text>"
    )
    for loss, (_, colour, dashes) in _LOSSES.items():
        places = (
            (left + width * epoch["epoch"] / last, top + height * (1 - epoch[loss] / most))
            for epoch in epochs
        )
        yield _line("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places), colour, dashes)


def _line(path: str, colour: str, dashes: str) -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.5"{dashed}/>'
