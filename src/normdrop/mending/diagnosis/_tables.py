"""The tables of a diagnosis, narrow enough for a terminal."""

import math
from collections.abc import Iterable
from typing import Any

from normdrop.mending.repairs import Fix
from normdrop.shifts.report import LayerShift, ModeTable, ShiftReport
from normdrop.values.display import Column, Row, Table, percentage, rounded
from normdrop.values.findings import Finding, Findings


def findings_table(found: Findings) -> Table:
    """One row per rule and message, with the layers it is about; the worst first."""
    columns = (
        Column("code", meaning="the rule; `normdrop explain CODE` tells more"),
        Column("severity"),
        Column("layers", meaning="the layers at fault"),
        Column("finding"),
    )
    groups: dict[tuple[str, str], list[Finding]] = {}
    for each in found.worst_first():
        groups.setdefault((each.code, each.severity), []).append(each)
    rows = [_group(code, level, some) for (code, level), some in groups.items()]
    return Table("Findings", columns, tuple(rows))


def _group(code: str, level: str, some: list[Finding]) -> Row:
    layers = dict.fromkeys(each.layers[0] for each in some if each.layers)
    cells = (code, level, _shortened(layers), some[0].message)
    return Row(cells, "bad" if level == "error" else "plain")


def _shortened(names: Iterable[str], most: int = 4) -> str:
    names = list(names)
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def shifts_table(before: ShiftReport, after: ShiftReport) -> Table:
    """One row per norm layer, the one that was worst on top."""
    columns = (
        Column("norm layer", meaning="module path"),
        Column("shift before", "right", "eval variance / the variance it is divided by; 1 is none"),
        Column("now", "right", "the same for the mended copy"),
        Column("largest cause", meaning="the noise layer with the largest share"),
    )
    later = {layer.path: layer for layer in after}
    rows = tuple(_row(layer, later.get(layer.path)) for layer in before)
    return Table("Shift at every norm layer", columns, rows)


def _row(before: LayerShift, after: LayerShift | None) -> Row:
    cause = max(before.causes.items(), key=lambda item: item[1], default=None)
    told = "" if cause is None else f"{cause[0]} ({percentage(cause[1], 0)})"
    cells = (before.path, _shown(before), _shown(after), told)
    if after is not None and after.severity != "note":
        return Row(cells, "bad")
    return Row(cells, "plain" if before.severity == "note" else "good")


def _shown(layer: LayerShift | None) -> str:
    if layer is None:
        return ""
    return f"{layer.shift:.3f}" if math.isfinite(layer.shift) else "unknown"


def costs(before: ModeTable, after: ModeTable) -> Table:
    """The metric in each mode, before and now."""
    columns = (Column(before.metric), Column("before", "right"), Column("now", "right"))
    names = {
        "eval_mode": "eval mode, as the model is used",
        "batch_statistics": "dropout off, batch statistics",
        "train_mode": "train mode",
    }
    rows = [
        Row((words, rounded(getattr(before, name)), rounded(getattr(after, name))))
        for name, words in names.items()
    ]
    return Table(f"{before.metric}, before and now", columns, tuple(rows))


def next_changes(mended: Fix[Any]) -> Table:
    """What `fix` would change, one row a change."""
    columns = (
        Column("code"),
        Column("layer"),
        Column("change"),
        Column("expected shift", "right", "at the norm layer it matters to most"),
    )
    rows = tuple(
        Row((change.code, change.layer, change.what, _both(change))) for change in mended.changes
    )
    return Table("What normdrop.fix changes", columns, rows)


def _both(change: Any) -> str:  # noqa: ANN401 - a Change
    if change.shift_before is None or change.shift_after is None:
        return ""
    return f"{change.shift_before:.2f} → {change.shift_after:.2f}"
