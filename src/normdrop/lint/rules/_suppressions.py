"""Findings that somebody has looked at and accepted, with a reason."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from normdrop.values.findings import Finding
from normdrop.values.location import Location

_COMMENT = re.compile(r"#\s*normdrop:\s*ignore\[([A-Za-z0-9,\s]*)\]\s*(.*)")


@dataclass(frozen=True, slots=True)
class Suppression:
    """One accepted finding, or several of one kind.

    Attributes:
        codes: The codes accepted.
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
        if finding.code not in self.codes:
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


def comments(path: str, lines: Sequence[str]) -> list[Suppression]:
    """The suppressions written as comments in a file.

    >>> comments("net.py", ["x = f(x)  # normdrop: ignore[ND101] as published"])[0].reason
    'as published'
    """
    found = []
    for number, line in enumerate(lines, start=1):
        match = _COMMENT.search(line)
        if match:
            codes = tuple(each.strip().upper() for each in match[1].split(",") if each.strip())
            place = Location(path, number, match.start() + 1)
            found.append(Suppression(codes, match[2].strip(), place))
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
