"""A mended model: what was changed, what to do next, and what is left."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Generic, TypeVar

from normdrop.mending.repairs._choices import Choices
from normdrop.mending.repairs._proof import Proof
from normdrop.shifts.report import LayerShift, ShiftReport
from normdrop.values.display import Column, Row, ShownAsTables, Table
from normdrop.values.findings import Findings

ModelT = TypeVar("ModelT")

_COLUMNS = (
    Column("code", meaning="the rule whose finding is mended; `normdrop explain CODE` tells more"),
    Column("layer", meaning="module path of the layer that was changed"),
    Column("change"),
    Column("shift", "right", "expected at the norm layer it matters to most, before and after"),
)


@dataclass(frozen=True, slots=True)
class Change:
    """One change that mends one finding.

    Attributes:
        code: The rule whose finding it mends, such as `"ND101"`.
        layer: Path of the layer that was changed.
        what: What was done, as a clause.
        becomes: Path of the layer now; that of before where it stayed.
        norm: Path of the norm layer it matters to most; empty where it matters to none.
        shift_before: Expected eval variance / train variance at that norm layer, before all
            changes.
        shift_after: The same after all changes.

    >>> print(Change("ND206", "bn", "momentum 0.99 becomes 0.01"))
    ND206 bn: momentum 0.99 becomes 0.01
    """

    code: str
    layer: str
    what: str
    becomes: str = ""
    norm: str = ""
    shift_before: float | None = None
    shift_after: float | None = None

    def __str__(self) -> str:
        """One line."""
        return f"{self.code} {self.layer}: {self.what}"

    def to_dict(self) -> dict[str, object]:
        """As JSON knows it."""
        return {
            "code": self.code,
            "layer": self.layer,
            "what": self.what,
            "becomes": self.becomes or self.layer,
            "norm": self.norm,
            "shift_before": self.shift_before,
            "shift_after": self.shift_after,
        }


@dataclass(frozen=True, eq=False)
class Fix(ShownAsTables, Generic[ModelT]):
    """A mended model.

    Attributes:
        model: The model: a changed copy, or the very model that was given with `in_place=True`.
        changes: What was changed, finding by finding.
        advice: What to do next, in sentences.
        remaining: The errors and warnings that are left.
        before: The expected shift at every norm layer before, from moments.
        after: The same after.
        options: All that could become of dropout that feeds a norm, with what each would come to;
            worked out when it is first asked for.
        proof: What training it with and without the repair showed, from `normdrop.lab.try_fix` or
            `normdrop fix --try`; None where it was not tried.
    """

    text_width: ClassVar[int] = 120

    model: ModelT
    changes: tuple[Change, ...]
    advice: tuple[str, ...]
    remaining: Findings
    before: ShiftReport
    after: ShiftReport
    _weigh: Callable[[], Choices] = field(repr=False)
    proof: Proof | None = None

    @cached_property
    def options(self) -> Choices:
        """All that could become of dropout that feeds a norm, and what each would come to."""
        return self._weigh()

    @property
    def is_complete(self) -> bool:
        """Whether neither an error nor a warning is left."""
        return self.remaining.is_clean

    def to_table(self) -> Table:
        """One row per change; what is left and what to do next beneath it."""
        rows = tuple(
            Row((change.code, change.layer, _destined(change), _shifts(change)), "good")
            for change in self.changes
        )
        tried = () if self.proof is None else (str(self.proof),)
        left = _left(self.remaining, self.changes)
        return Table(_title(len(rows)), _COLUMNS, rows, (*tried, *left, *self.advice))

    def to_dict(self) -> dict[str, object]:
        """Everything but the model, in types that JSON knows."""
        return {
            "changes": [change.to_dict() for change in self.changes],
            "advice": list(self.advice),
            "remaining": self.remaining.to_dict()["findings"],
            "shifts": {
                layer.path: {
                    "before": _plain(_find(self.before, layer.path)),
                    "after": _plain(layer),
                }
                for layer in self.after
            },
            **({} if self.proof is None else {"proof": self.proof.to_dict()}),
        }

    def __repr__(self) -> str:
        """A summary; the model prints itself."""
        return (
            f"Fix({type(self.model).__name__}, changes={len(self.changes)}, "
            f"remaining={len(self.remaining)})"
        )


def _title(changes: int) -> str:
    if changes == 0:
        return "Nothing was changed"
    return f"{changes} change" + ("s" if changes > 1 else "")


def _destined(change: Change) -> str:
    moved = change.becomes not in {"", change.layer}
    return f"{change.what}, as {change.becomes}" if moved else change.what


def _shifts(change: Change) -> str:
    if change.shift_before is None or change.shift_after is None:
        return ""
    return f"{change.shift_before:.3g} → {change.shift_after:.3g}"


def _left(remaining: Findings, changes: Sequence[Change]) -> Iterator[str]:
    """What is left, one line for each rule; the advice tells of layers that were changed."""
    told = {(change.code, change.becomes) for change in changes}
    untold = [each for each in remaining if (each.code, *each.layers[:1]) not in told]
    for code in remaining.codes:
        found = [finding for finding in untold if finding.code == code]
        if len(found) == 1:
            yield f"Left, {code}: {found[0].message}."
        elif found:
            layers = ", ".join(finding.layers[0] for finding in found if finding.layers)
            yield f"Left, {code}, {len(found)} times: {found[0].fix} ({layers})."


def _find(report: ShiftReport, path: str) -> LayerShift | None:
    return next((layer for layer in report if layer.path == path), None)


def _plain(layer: LayerShift | None) -> float | None:
    return layer.shift if layer is not None and math.isfinite(layer.shift) else None
