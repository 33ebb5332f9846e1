"""Findings as annotations on a GitHub pull request."""

from normdrop.values.findings import Finding, Findings
from normdrop.values.text import printable

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def to_github(findings: Findings) -> str:
    """One workflow command a finding, and a line of the log that says what was checked.

    >>> print(to_github(Findings((Finding("ND101", "error", "drop feeds norm"),))), end="")
    ::error title=ND101::drop feeds norm
    0 files and 0 models checked, 0 skipped
    """
    return "".join(map(_one, findings)) + f"{findings.scope}\n"


def _one(finding: Finding) -> str:
    place = finding.location
    where = []
    if place is not None:
        where = [f"file={_property(place.file.partition(':cell ')[0])}", f"line={place.line}"]
        if place.column:
            where.append(f"col={place.column}")
    properties = ",".join([*where, f"title={finding.code}"])
    message = finding.message + (f". Fix: {finding.fix}" if finding.fix else "")
    return f"::{_COMMANDS[finding.severity]} {properties}::{_data(message)}\n"


def _data(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
