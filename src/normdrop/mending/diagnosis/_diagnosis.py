"""One model's examination: everything that was found, done, and found again."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from typing import Generic, Literal, TypeVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.text import Text

from normdrop.mending.repairs import Fix
from normdrop.shifts.report import Recalibration, ShiftReport
from normdrop.values.display import escaped, printable
from normdrop.values.findings import Findings

ModelT = TypeVar("ModelT")

Treatment = Literal["recalibrated", "fixed", "none"]
"""What was done: statistics estimated anew, the order of layers repaired, or nothing."""


@dataclass(frozen=True, eq=False)
class Diagnosis(Generic[ModelT]):
    """What is wrong with a model, what it cost, what was done, and what it costs now.

    Attributes:
        model: The mended copy; the model that was examined is as it was.
        name: What the model is called in the story.
        treatment: What was done.
        findings: What `check` found in the model.
        predicted: The expected shift at every norm layer, without data.
        before: The measured shift, with a metric in four modes where one was given; `None` for
            fresh weights, which have no statistics to measure against.
        after: For trained weights the measured shift of the mended copy, for fresh ones the
            expected shift; `None` where nothing was done.
        fix: What `fix` changed, or, for trained weights, would change before the next training;
            `None` where it cannot change the model.
        recalibration: The statistics before and after, where they were estimated anew.
        notes: What could not be done, and why, in sentences.
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

    @property
    def is_clean(self) -> bool:
        """Whether neither an error nor a warning was found or measured."""
        measured = self.before is None or not self.before.findings
        return self.findings.is_clean and measured

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
        }

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Tell the story, so that `rich.print(diagnosis)` shows it."""
        from normdrop.mending.diagnosis._story import story

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
        from normdrop.mending.diagnosis._story import story

        for chapter in story(self):
            yield f"<h3>{escaped(chapter.title)}</h3>"
            yield from (f"<p>{escaped(sentence)}</p>" for sentence in chapter.sentences)
            yield from (table.to_html() for table in chapter.tables)
