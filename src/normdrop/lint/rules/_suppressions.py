"""Findings that somebody has looked at and accepted, with a reason."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from normdrop.errors import UsageError
from normdrop.lint.rules._codes import codes, meant
from normdrop.values.findings import Finding
from normdrop.values.location import Location

_COMMENT = re.compile(r"#\s*normdrop:\s*ignore\[([\w,\s-]*)\]\s*(.*)")


@dataclass(frozen=True, slots=True)
class Suppression:
    """One accepted finding, or several of one kind.

    Attributes:
        codes: The codes accepted, or their beginnings; a word that no rule is called by stays as
            it was written, and accepts nothing.
        reason: Why.
        place: Where that is written.
        path: The layer, the module around it, or the file it holds for; empty for a comment,
            which holds for its own line.
    """

    codes: tuple[str, ...]
    reason: str
    place: Location
    path: str = ""

    def accepts(self, finding: Finding) -> bool:
        """Whether it speaks of a finding."""
        if not finding.code.startswith(self.codes):
            return False
        if not self.path:
            return finding.location is not None and finding.location.line == self.place.line
        file = finding.location.file if finding.location else ""
        layer = finding.layers[0] if finding.layers else ""
        return (
            layer == self.path
            or layer.startswith(f"{self.path}.")
            or file == self.path
            or file.endswith(f"/{self.path}")
        )

    @property
    def unknown(self) -> tuple[str, ...]:
        """The words that no rule is called by."""
        return tuple(each for each in self.codes if not _named(each))

    def is_judged(self, ran: Collection[str]) -> bool:
        """Whether every rule it speaks of has run, so that it must have been of use."""
        return all(code in ran for each in self.codes for code in _named(each))


def _named(prefix: str) -> list[str]:
    return [code for code in codes() if code.startswith(prefix)]


def _code(written: str) -> str:
    """What a comment means; a word that means nothing is left to be found fault with."""
    try:
        return meant(written)
    except UsageError:
        return written.upper()


def comments(path: str, lines: Sequence[str]) -> list[Suppression]:
    """The suppressions written as comments in a file.

    >>> comments("net.py", ["x = f(x)  # normdrop: ignore[ND101] as published"])[0].reason
    'as published'
    >>> comments("net.py", ["x = f(x)  # normdrop: ignore[noise-before-norm] why"])[0].codes
    ('ND101',)
    """
    found = []
    for number, line in enumerate(lines, start=1):
        match = _COMMENT.search(line)
        if match:
            accepted = tuple(_code(each) for each in match[1].split(",") if each.strip())
            place = Location(path, number, match.start() + 1)
            found.append(Suppression(accepted, match[2].strip(), place))
    return found


def suppress(
    found: Iterable[Finding], suppressions: Sequence[Suppression]
) -> tuple[list[Finding], set[Suppression]]:
    """The findings that nobody has accepted, and the suppressions that were of use.

    A suppression without a reason has no effect.
    """
    kept = []
    used = set()
    for finding in found:
        accepting = [each for each in suppressions if each.reason and each.accepts(finding)]
        used.update(accepting)
        if not accepting:
            kept.append(finding)
    return kept, used
