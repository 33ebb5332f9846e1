"""A diagnosis told in order: what was wrong, what it cost, what was done, what it costs now."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from normdrop.mending.diagnosis._diagnosis import Diagnosis
from normdrop.mending.diagnosis._tables import costs, findings, next_changes, shifts
from normdrop.shifts.report import ModeTable, ShiftReport
from normdrop.values.display import Table, rounded

_FRESH = (
    "Nothing yet: the weights are fresh, and the shift would begin to act when they are trained."
)


@dataclass(frozen=True)
class Chapter:
    """A part of the story: its title, sentences, and tables."""

    title: str
    sentences: tuple[str, ...]
    tables: tuple[Table, ...] = ()


def story(diagnosis: Diagnosis[Any]) -> tuple[Chapter, ...]:
    """The chapters, in order."""
    chapters = [_wrong(diagnosis), _cost(diagnosis), _done(diagnosis)]
    if diagnosis.after is not None:
        chapters.append(_now(diagnosis, diagnosis.after))
    if diagnosis.treatment == "recalibrated" and diagnosis.fix is not None:
        chapters.extend(_next(diagnosis))
    return tuple(chapters)


def _wrong(diagnosis: Diagnosis[Any]) -> Chapter:
    report = diagnosis.before or diagnosis.predicted
    sentences = [_found(diagnosis)]
    if report is not None:
        sentences.append(_shifted(report, "has" if diagnosis.before else "is expected to have"))
    tables = [findings(diagnosis.findings)] if len(diagnosis.findings) else []
    return Chapter(f"What is wrong with {diagnosis.name}", tuple(sentences), tuple(tables))


def _found(diagnosis: Diagnosis[Any]) -> str:
    found = diagnosis.findings
    if not len(found):
        return "Its layers and their order give no cause for complaint."
    counts = [
        _count(sum(each.severity == level for each in found), level)
        for level in ("error", "warning", "note")
        if any(each.severity == level for each in found)
    ]
    return f"Reading its layers and their order gives {_listed(counts)}."


def _shifted(report: ShiftReport, verb: str) -> str:
    """How many norm layers meet in eval mode what they do not expect."""
    layers = [layer for layer in report if math.isfinite(layer.shift)]
    if not layers:
        return " ".join(report.notes) or "No norm layer's shift could be stated."
    far = report.findings
    if not far:
        return (
            f"In eval mode the input of each of {_count(len(layers), 'norm layer')} {verb} the "
            "variance it is divided by, within 5 %."
        )
    some = "each" if len(far) == len(layers) else str(len(far))
    return (
        f"In eval mode the input of {some} of {_count(len(layers), 'norm layer')} {verb} "
        f"another variance than it is divided by; the worst is {far[0].path} with "
        f"{far[0].shift:.2f} times that variance."
    )


def _cost(diagnosis: Diagnosis[Any]) -> Chapter:
    title = "What it costs"
    if diagnosis.before is None:
        return Chapter(title, (_FRESH,))
    modes = diagnosis.before.modes
    if modes is None:
        return Chapter(title, ("Not measured: no metric was given.",))
    return Chapter(title, (_compared(modes), *modes.explanations))


def _compared(modes: ModeTable) -> str:
    return (
        f"In eval mode {modes.metric} is {rounded(modes.eval_mode)}. With dropout off and norm "
        f"layers going by each batch it is {rounded(modes.batch_statistics)}, in train mode "
        f"{rounded(modes.train_mode)}."
    )


def _done(diagnosis: Diagnosis[Any]) -> Chapter:
    return Chapter("What was done", (*_treatment(diagnosis), *diagnosis.notes))


def _treatment(diagnosis: Diagnosis[Any]) -> Iterator[str]:
    recalibration, mended = diagnosis.recalibration, diagnosis.fix
    if diagnosis.treatment == "recalibrated" and recalibration is not None:
        extent = recalibration.before.notes[:1]
        yield (
            f"The running statistics of {_count(len(recalibration.stored), 'norm layer')} were "
            "estimated anew with dropout off, in a copy; no weight was changed."
        )
        yield from extent
    elif diagnosis.treatment == "fixed" and mended is not None:
        changes = _count(len(mended.changes), "change")
        yield f"A copy was mended, {changes}; in eval mode it computes the same:"
        yield from (str(change) for change in mended.changes)
        yield from mended.advice
    else:
        yield "Nothing was changed."


def _now(diagnosis: Diagnosis[Any], after: ShiftReport) -> Chapter:
    measured = diagnosis.before is not None
    sentences = [_shifted(after, "has" if measured else "is expected to have")]
    earlier = diagnosis.before or diagnosis.predicted
    tables = [] if earlier is None else [shifts(earlier, after)]
    old = diagnosis.before.modes if diagnosis.before else None
    if old is not None and after.modes is not None:
        change = after.modes.eval_mode - old.eval_mode
        sentences.insert(
            0,
            f"In eval mode {old.metric} is {rounded(after.modes.eval_mode)} now; it was "
            f"{rounded(old.eval_mode)} ({change:+.4g}).",
        )
        tables.insert(0, costs(old, after.modes))
    return Chapter("What it costs now", tuple(sentences), tuple(tables))


def _next(diagnosis: Diagnosis[Any]) -> Iterator[Chapter]:
    mended = diagnosis.fix
    if mended is None or not (mended.changes or len(mended.remaining)):
        return
    sentences = ["New statistics do not undo what the weights have learned under the shift."]
    if mended.changes:
        sentences.append("normdrop.fix changes the model so that training does not make it anew:")
    told = {(change.code, change.becomes or change.layer) for change in mended.changes}
    left = [each for each in mended.remaining if (each.code, *each.layers[:1]) not in told]
    sentences.extend(f"It leaves {each.code}: {each.message}." for each in left)
    tables = (next_changes(mended),) if mended.changes else ()
    yield Chapter("Before the next training", tuple(sentences), tables)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _listed(parts: list[str]) -> str:
    if len(parts) < 2:  # noqa: PLR2004 - one needs no "and"
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
