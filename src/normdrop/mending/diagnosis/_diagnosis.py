"""One model's examination, told in order: what was wrong, what it cost, what was done, and now."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from normdrop.mending.diagnosis._tables import costs, findings_table, next_changes, shifts_table
from normdrop.mending.repairs import Fix
from normdrop.shifts.report import ModeTable, Recalibration, ShiftReport
from normdrop.values.display import Table, escaped, rounded
from normdrop.values.findings import Findings
from normdrop.values.text import printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

ModelT = TypeVar("ModelT")

Treatment = Literal["recalibrated", "fixed", "none"]
"""What was done: statistics estimated anew, the order of layers repaired, or nothing."""


_MOVED = 0.2
"""Deviations that a mean is off by where it matters as much as a variance beyond 5 %."""
_TRACE = 0.01
"""The part of a metric that examples at hand may move it by."""
_FRESH = (
    "Nothing yet: the weights are fresh, and the shift would begin to act when they are trained."
)


@dataclass(frozen=True)
class Chapter:
    """A part of the story: its title, sentences, and tables."""

    title: str
    sentences: tuple[str, ...]
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What a diagnosis comes to.

    Attributes:
        sentence: How the model stands, and what to do.
        command: What to run next, in Python or at the command line.
    """

    sentence: str
    command: str


@dataclass(frozen=True, eq=False)
class Diagnosis(Generic[ModelT]):
    """What is wrong with a model, what it cost, what was done, and what it costs now.

    Attributes:
        model: The mended copy; the model that was examined is as it was.
        name: What the model is called in the story.
        treatment: What was done.
        findings: What `check` found in the model, with the measured shift where there is one.
        predicted: The expected shift at every norm layer, without data.
        before: The measured shift, with a metric in four modes where one was given, on examples
            that played no part in recalibrating; `None` for fresh weights, which have no statistics
            to measure against.
        after: For trained weights the measured shift of the mended copy, for fresh ones the
            expected shift; `None` where nothing was done.
        fix: What `fix` changed, or, for trained weights, would change before the next training;
            `None` where it cannot change the model.
        recalibration: The statistics before and after, where they were estimated anew.
        notes: What could not be done, and why, in sentences.
        refused: Why nothing was recalibrated, where the data forbid it.
        copied: Whether `model` is a copy. Of some subclassed Keras models none can be made: new
            statistics are then tried on the model itself and taken back, and `model` is as it was.
        arguments: What the command line was given, for the next command; empty in Python.
    """

    model: ModelT
    name: str
    treatment: Treatment
    findings: Findings
    predicted: ShiftReport | None
    before: ShiftReport | None
    after: ShiftReport | None
    fix: Fix[ModelT] | None
    recalibration: Recalibration | None
    notes: tuple[str, ...] = ()
    refused: str = ""
    copied: bool = True
    arguments: str = ""

    @property
    def is_clean(self) -> bool:
        """Whether neither an error nor a warning was found or measured."""
        return self.findings.is_clean and (self.before is None or not is_shifted(self.before))

    @property
    def verdict(self) -> Verdict:
        """What it comes to, and what to run next."""
        return _fresh(self) if self.before is None else _trained(self, self.before)

    def to_dict(self) -> dict[str, object]:
        """Everything but the model, in types that JSON knows."""
        return {
            "model": self.name,
            "treatment": self.treatment,
            "findings": self.findings.to_dict()["findings"],
            "predicted": self.predicted and self.predicted.to_dict(),
            "before": self.before and self.before.to_dict(),
            "after": self.after and self.after.to_dict(),
            "fix": self.fix and self.fix.to_dict(),
            "recalibration": self.recalibration and self.recalibration.to_dict(),
            "notes": list(self.notes),
            "verdict": {"sentence": self.verdict.sentence, "command": self.verdict.command},
        }

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        """Tell the story, so that `rich.print(diagnosis)` shows it."""
        from rich.padding import Padding
        from rich.text import Text

        for number, chapter in enumerate(story(self)):
            if number:
                yield Text()
            yield Text(printable(chapter.title), style="bold")
            for sentence in chapter.sentences:
                yield Text(printable(sentence))
            for table in chapter.tables:
                yield Padding(table, (1, 0, 0, 0))

    def __str__(self) -> str:
        """The story as plain text of 80 columns."""
        from rich.console import Console

        console = Console(file=StringIO(), width=80, color_system=None, force_jupyter=False)
        with console.capture() as capture:
            console.print(self)
        return "\n".join(line.rstrip() for line in capture.get().rstrip().split("\n"))

    def __repr__(self) -> str:
        """A summary; the story is long."""
        return (
            f"Diagnosis({self.name!r}, findings={len(self.findings)}, treatment={self.treatment!r})"
        )

    def _repr_html_(self) -> str:
        """How a notebook shows the story."""
        return "\n".join(self._html())

    def _html(self) -> Iterator[str]:
        for chapter in story(self):
            yield f"<h3>{escaped(chapter.title)}</h3>"
            yield from (f"<p>{escaped(sentence)}</p>" for sentence in chapter.sentences)
            yield from (table.to_html() for table in chapter.tables)


def story(diagnosis: Diagnosis[Any]) -> tuple[Chapter, ...]:
    """The chapters, in order."""
    chapters = [_wrong(diagnosis), _cost(diagnosis), _done(diagnosis)]
    if diagnosis.after is not None:
        chapters.append(_now(diagnosis, diagnosis.after))
    if diagnosis.before is not None and not diagnosis.refused:
        chapters.extend(_next(diagnosis))
    verdict = diagnosis.verdict
    chapters.append(Chapter("Verdict", (verdict.sentence, f"Next: {verdict.command}")))
    return tuple(chapters)


def is_shifted(report: ShiftReport) -> bool:
    """Whether any norm layer meets another variance than it is divided by, or other means."""
    return bool(report.findings) or any(layer.mean_shift > _MOVED for layer in report)


def _fresh(diagnosis: Diagnosis[Any]) -> Verdict:
    """Of weights that are not trained."""
    mended, found = diagnosis.fix, diagnosis.findings
    if diagnosis.treatment == "fixed" and mended is not None:
        left = "" if mended.is_complete else " What is left is for you to mend first."
        return Verdict(
            f"Mended before it could do harm: train the copy in place of this model.{left}",
            "normdrop.fix(model, example)"
            if mended.is_complete
            else _explained(mended.remaining, diagnosis),
        )
    if not found.is_clean:
        return Verdict(
            "Not mended: what was found is for you to change before training.",
            _explained(found, diagnosis),
        )
    return Verdict(
        "Sound so far, and not trained yet.", _again(diagnosis, "measure", "train, then")
    )


def _trained(diagnosis: Diagnosis[Any], before: ShiftReport) -> Verdict:
    """Of weights that are trained."""
    if diagnosis.refused:
        return Verdict(
            "Not mended: the inputs are not those of training, and statistics taken from them "
            "would hide that. Prepare them as in training.",
            _again(diagnosis, "doctor", "prepare the inputs, then"),
        )
    if diagnosis.after is not None:
        return _recalibrated(diagnosis, before, diagnosis.after)
    if is_shifted(before):
        return Verdict(
            "Not mended: eval mode meets what its norm layers do not expect, and the statistics "
            "could not be estimated anew from these batches.",
            _again(diagnosis, "recalibrate", "with larger batches"),
        )
    if diagnosis.findings.is_clean:
        return Verdict(
            "Sound: eval mode meets what its norm layers expect.",
            _again(diagnosis, "measure", "whenever weights or data change"),
        )
    return Verdict(
        "Eval mode meets what its norm layers expect, so that new statistics would change "
        "nothing; what was found matters at the next training.",
        "normdrop.fix(model, example)"
        if _changes(diagnosis)
        else _explained(diagnosis.findings, diagnosis),
    )


def _recalibrated(diagnosis: Diagnosis[Any], before: ShiftReport, after: ShiftReport) -> Verdict:
    """Of weights whose statistics were estimated anew."""
    command = _again(diagnosis, "recalibrate", "")
    if is_shifted(after):
        return Verdict(
            "Mended in part: new statistics leave a shift on examples they were not taken from, "
            "as batches that are few or unlike each other do.",
            _again(diagnosis, "recalibrate", "with more batches"),
        )
    if _is_worse(before, after):
        return Verdict(
            "The statistics fit now, and yet the metric is farther from what batch statistics "
            "give than before: compare both models before the copy is used.",
            command,
        )
    other = any(state.name == "other-data" for state in before.states)
    where = ", where the model is to be used on data like these" if other else ""
    use = f"Use the copy{where}" if diagnosis.copied else f"Recalibrate the model{where}"
    return Verdict(
        f"The running statistics are at fault, and new ones mend it. {use}; the weights are the "
        "same.",
        command,
    )


def _is_worse(before: ShiftReport, after: ShiftReport) -> bool:
    """Whether the metric went away from its value by batch statistics, by more than a trace."""
    if before.modes is None or after.modes is None:
        return False
    aim = before.modes.batch_statistics
    was, now = abs(before.modes.eval_mode - aim), abs(after.modes.eval_mode - aim)
    return now > was + _TRACE * max(abs(aim), was)


def _again(diagnosis: Diagnosis[Any], verb: str, when: str) -> str:
    """A verb on the same model and data, with a word on when."""
    out = {
        "recalibrate": " --out mended" + (".keras" if ".keras" in diagnosis.arguments else ".pt")
    }
    command = (
        f"normdrop {verb} {diagnosis.arguments}{out.get(verb, '')}"
        if diagnosis.arguments
        else f"normdrop.{verb}(model, batches)"
    )
    return f"{when} {command}" if when.endswith("then") else f"{command} {when}".rstrip()


def _changes(diagnosis: Diagnosis[Any]) -> bool:
    return diagnosis.fix is not None and bool(diagnosis.fix.changes)


def _explained(found: Findings, diagnosis: Diagnosis[Any]) -> str:
    """What tells about the worst finding."""
    worst = found.worst_first()
    return f"normdrop explain {worst[0].code}" if len(worst) else _again(diagnosis, "check", "")


def _wrong(diagnosis: Diagnosis[Any]) -> Chapter:
    report = diagnosis.before or diagnosis.predicted
    sentences = [_found(diagnosis)]
    if report is not None:
        sentences.append(_shifted(report, "has" if diagnosis.before else "is expected to have"))
    tables = [findings_table(diagnosis.findings)] if len(diagnosis.findings) else []
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
        off = max(layers, key=lambda layer: layer.mean_shift)
        means = (
            f", but the mean at {off.path} is {off.mean_shift:.2f} deviations away"
            if off.mean_shift > _MOVED
            else ""
        )
        return (
            f"In eval mode the input of each of {_count(len(layers), 'norm layer')} {verb} the "
            f"variance it is divided by, within 5 %{means}."
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
        states = map(str, diagnosis.before.states)
        return Chapter(title, ("Not measured: no metric was given.", *states))
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
        where = (
            "in a copy; no weight was changed"
            if diagnosis.copied
            else "in the model itself, since it cannot be copied, and put back after the trial"
        )
        yield (
            f"The running statistics of {_count(len(recalibration.stored), 'norm layer')} were "
            f"estimated anew with dropout off, {where}."
        )
        yield from extent
        if diagnosis.before is not None:
            yield from (f"Judged on others. {note}" for note in diagnosis.before.notes[:1])
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
    tables = [] if earlier is None else [shifts_table(earlier, after)]
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
    sentences = []
    if diagnosis.treatment == "recalibrated":
        sentences.append(
            "New statistics do not undo what the weights have learned under the shift."
        )
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
