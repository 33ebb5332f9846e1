"""A shift report as a table."""

import math
from collections.abc import Sequence
from types import MappingProxyType

from normdrop.shifts.report._layer import LayerShift, Method
from normdrop.values.display import Column, Row, Table, percentage

_COLUMNS = (
    Column("norm layer", meaning="module path"),
    Column("shift", "right", "eval variance / train variance; 1 is none"),
    Column("mean shift", "right", "(eval mean - train mean) / train deviation, root mean square"),
    Column("severity"),
    Column("causes", meaning="noise layers and their shares of the logarithm of the shift"),
)
_TITLES = MappingProxyType(
    {
        "measured": "Shift between train and eval mode, measured",
        "moments": "Expected shift between train and eval mode, from moments",
        "simulate": "Expected shift between train and eval mode, simulated",
        "invert": "Expected shift between train and eval mode, from the stored statistics",
    }
)
_MOST_CAUSES = 3


def table(layers: Sequence[LayerShift], method: Method, notes: Sequence[str]) -> Table:
    """One row per layer in the order given; errors and warnings are marked."""
    if not layers:
        notes = (*notes, "No norm layer with running statistics was called.")
    # A reason that all layers share is in the notes, where it need not be said row by row.
    said = bool(notes) and len({layer.unknown for layer in layers}) == 1
    rows = tuple(_row(layer, reason="" if said else layer.unknown) for layer in layers)
    return Table(_TITLES[method], _COLUMNS, rows, tuple(notes))


def _row(layer: LayerShift, *, reason: str) -> Row:
    if math.isnan(layer.shift):
        why = reason if layer.unknown else "no variance in train mode"
        return Row((layer.path, "unknown", "", "", why))
    cells = (
        layer.path,
        f"{layer.shift:.3f}",
        f"{layer.mean_shift:.3f}",
        layer.severity,
        _causes(layer),
    )
    return Row(cells, "plain" if layer.severity == "note" else "bad")


def _causes(layer: LayerShift) -> str:
    ordered = sorted(layer.causes.items(), key=lambda item: -item[1])
    shown = [f"{path} ({percentage(share, 0)})" for path, share in ordered[:_MOST_CAUSES]]
    rest = len(ordered) - _MOST_CAUSES
    return ", ".join(shown) + (f", {rest} more" if rest > 0 else "")
