"""Findings as a reader of a terminal wants them: the line, what is wrong, what to do."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from normdrop.report.findings._lines import line_of
from normdrop.values.findings import Finding, Findings
from normdrop.values.text import printable

if TYPE_CHECKING:
    from normdrop.values.severity import Severity

# A longer line is cut: it is data or generated.
_WIDEST = 160


def to_text(findings: Findings) -> str:
    """All findings, one after another, how many there are, and what was checked."""
    shown = "\n".join([*map(_one, findings), _total(findings)])
    return f"{shown}\n{findings.scope}.\n"


def _one(finding: Finding) -> str:
    return "\n".join(map(printable, _parts(finding))) + "\n"


def _parts(finding: Finding) -> Iterator[str]:
    yield f"{finding.code} {finding.severity}: {finding.message}"
    place = finding.location
    gutter = " " * len(str(place.line)) if place else " "
    if place is not None:
        yield f"{gutter}--> {place}"
        line = line_of(place).expandtabs(1).rstrip()
        if line and len(line) <= _WIDEST:
            yield f"{gutter} |"
            yield f"{place.line} | {line}"
            if place.column:
                yield f"{gutter} | {' ' * (place.column - 1)}^"
    if finding.related:
        yield f"{gutter} = see: {', '.join(map(str, finding.related[:3]))}" + (
            f" and {len(finding.related) - 3} more" if len(finding.related) > 3 else ""  # noqa: PLR2004 - as many as fit
        )
    if finding.fix is not None:
        yield f"{gutter} = help: {finding.fix}"


def _total(findings: Findings) -> str:
    if not findings:
        return "Nothing found."
    counts = Counter(finding.severity for finding in findings)
    named: tuple[tuple[Severity, str], ...] = (
        ("error", "errors"),
        ("warning", "warnings"),
        ("note", "notes"),
    )
    parts = [
        f"{counts[one]} {one if counts[one] == 1 else many}" for one, many in named if counts[one]
    ]
    return f"Found {', '.join(parts)}. `normdrop explain CODE` says more."
