"""What every rule is: one class in a file of its own, whose docstring is its page."""

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from normdrop.lint.rules._subject import Subject
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

    Attributes:
        code: Its number, which its file's name begins with; the hundreds are its band.
        name: Its name in words, the rest of its file's name.
        severity: What a finding is worth where its cost does not say it.
        opinion: Whether it is off unless it is selected by its code.
        valid: Source it has nothing to say about.
        invalid: Source it finds fault with. The first one is shown on its page.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity] = "warning"
    opinion: ClassVar[bool] = False
    valid: ClassVar[tuple[str, ...]] = ()
    invalid: ClassVar[tuple[Invalid, ...]] = ()

    def __init_subclass__(cls) -> None:
        """Take code and name from the file: `nd101_noise_before_norm`."""
        number, _, name = cls.__module__.rpartition(".")[2].partition("_")
        cls.code, cls.name = number.upper(), name.replace("_", "-")

    def in_model(self, subject: Subject) -> Iterable[Finding]:  # noqa: ARG002 - a rule may look at source alone
        """What is wrong with a model, captured or read from source."""
        return ()

    def in_source(self, source: Source) -> Iterable[Finding]:  # noqa: ARG002 - a rule may look at models alone
        """What is wrong with a file."""
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
