"""What every rule is: one class in a file of its own, whose docstring is its page."""

import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from normdrop.lint.rules._codes import FILE
from normdrop.lint.rules._mend import ModelMend, SourceMend
from normdrop.lint.rules._subject import Subject
from normdrop.lint.rules._suppressions import Suppression
from normdrop.lint.source import Source
from normdrop.values.findings import Finding, Repair
from normdrop.values.location import Location
from normdrop.values.severity import Severity

HEADINGS = (
    "What it does",
    "Why is this bad?",
    "Example",
    "Use instead",
    "Fix safety",
    "References",
)


@dataclass(frozen=True, slots=True)
class Invalid:
    """Source that a rule finds fault with, and the same source mended as the finding says."""

    source: str
    mended: str


class Rule:
    """A rule looks at models, at source files, or at both, under one code.

    It is a rule by its file alone: a subclass that is defined anywhere else is none.

    Attributes:
        code: Its number, which its file's name begins with; the hundreds are its band.
        name: Its name in words, the rest of its file's name.
        words: A file in which none of these words stands is not read for it; empty for a rule that
            says nothing of files.
        severity: What a finding is worth where its cost does not say it.
        by_cost: Whether the cost says what a finding is worth.
        opinion: Whether it is off unless it is selected by its code.
        source_mend: What mends a finding in a file; None where that is left to the reader.
        model_mend: What mends a finding in a model; None where that is left to the reader.
        valid: Source it has nothing to say about.
        invalid: Source it finds fault with. The first one is shown on its page.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    words: ClassVar[tuple[str, ...]]
    severity: ClassVar[Severity] = "warning"
    by_cost: ClassVar[bool] = False
    opinion: ClassVar[bool] = False
    source_mend: ClassVar[SourceMend | None] = None
    model_mend: ClassVar[ModelMend | None] = None
    valid: ClassVar[tuple[str, ...]] = ()
    invalid: ClassVar[tuple[Invalid, ...]] = ()

    def __init_subclass__(cls) -> None:
        """Take code and name from the file: `nd101_noise_before_norm`."""
        named = FILE.fullmatch(cls.__module__.rpartition(".")[2])
        if named is not None:
            cls.code, cls.name = named[1].upper(), named[2].replace("_", "-")

    @classmethod
    def is_worth(cls, text: bytes) -> bool:  # noqa: ARG003 - for most rules their words are enough
        """Whether a file in which one of the words stands is worth parsing.

        For rules whose words stand in many files that they have nothing to say about. It must hold
        for every file that they do have something to say about.
        """
        return True

    def in_model(self, subject: Subject) -> Iterable[Finding]:  # noqa: ARG002 - a rule may look at source alone
        """What is wrong with a model, captured or read from source."""
        return ()

    def in_source(self, source: Source) -> Iterable[Finding]:  # noqa: ARG002 - a rule may look at models alone
        """What is wrong with a file."""
        return ()

    def in_suppressions(
        self,
        suppressions: Sequence[Suppression],  # noqa: ARG002 - most rules accept whatever is accepted
        used: set[Suppression],  # noqa: ARG002 - as above
        ran: set[str],  # noqa: ARG002 - as above
    ) -> Iterable[Finding]:
        """What is wrong with suppressions.

        Args:
            suppressions: All that were written.
            used: Those that a finding needed.
            ran: The codes whose findings were looked for.
        """
        return ()

    def finding(
        self,
        message: str,
        place: Location | None,
        *,
        layers: Iterable[str] = (),
        severity: Severity | None = None,
        shift: float | None = None,
        fix: str = "",
        changes_outputs: bool = True,
        related: Iterable[Location | None] = (),
        method: str = "",
        error: float | None = None,
    ) -> Finding:
        """A finding of this rule."""
        return Finding(
            self.code,
            severity or self.severity,
            message,
            tuple(dict.fromkeys(layers)),
            place,
            shift,
            Repair(fix, changes_outputs) if fix else None,
            tuple(dict.fromkeys(each for each in related if each is not None)),
            method,
            error,
        )

    @classmethod
    def summary(cls) -> str:
        """The first line of its page."""
        return inspect.getdoc(cls).partition("\n")[0] if cls.__doc__ else ""  # type: ignore[union-attr] # it has one

    @classmethod
    def sections(cls) -> Iterator[tuple[str, str]]:
        """The headings of its page and what stands under them."""
        doc = inspect.getdoc(cls) or ""
        for part in doc.split("\n## ")[1:]:
            heading, _, text = part.partition("\n")
            yield heading.strip(), text.strip()
