"""Findings for other programs: JSON, SARIF 2.1.0 and annotations of GitHub."""

import json
import math
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from normdrop.lint.source import read_text
from normdrop.values.findings import Finding, Findings
from normdrop.values.location import Location
from normdrop.values.text import printable

if TYPE_CHECKING:
    from normdrop.lint.rules import Rule

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def to_json(findings: Findings) -> str:
    """All findings as one JSON object; see `Finding.to_dict` for its fields."""
    return json.dumps(findings.to_dict(), indent=2, allow_nan=False) + "\n"


def to_github(findings: Findings) -> str:
    """One workflow command a finding, and a line of the log that says what was checked.

    >>> print(to_github(Findings((Finding("ND101", "error", "drop feeds norm"),))), end="")
    ::error title=ND101::drop feeds norm
    0 files and 0 models checked, 0 skipped
    """
    return "".join(map(_command, findings)) + f"{findings.scope}\n"


def _command(finding: Finding) -> str:
    place = finding.location
    where = []
    if place is not None:
        where = [f"file={_property(place.file.partition(':cell ')[0])}", f"line={place.line}"]
        if place.column:
            where.append(f"col={place.column}")
    properties = ",".join([*where, f"title={finding.code}"])
    return f"::{_COMMANDS[finding.severity]} {properties}::{_data(_message(finding))}\n"


def _message(finding: Finding) -> str:
    """What is wrong and what to do, where one text has to say both."""
    return finding.message + (f". Fix: {finding.fix}" if finding.fix else "")


def _data(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def to_sarif(findings: Findings) -> str:
    """One run with every rule there is and every finding."""
    from importlib.metadata import version

    from normdrop.lint.rules import all_rules

    rules = all_rules()
    indices = {rule.code: index for index, rule in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "normdrop",
                "semanticVersion": version("normdrop"),
                "rules": [_rule(each) for each in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not findings.notes,
                "toolExecutionNotifications": [*_notifications(findings)],
            }
        ],
        "properties": {"checked": findings.scope.to_dict()},
        "results": [_result(each, indices) for each in findings],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _notifications(findings: Findings) -> Iterator[dict[str, object]]:
    """What could not be checked, and what was only left out."""
    for note in findings.remarks:
        level = "error" if note in findings.notes else "warning"
        yield {"level": level, "message": {"text": printable(note)}}


def _rule(rule: "type[Rule]") -> dict[str, object]:
    sections = dict(rule.sections())
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary()},
        "fullDescription": {"text": " ".join(sections["Why is this bad?"].split())},
        "defaultConfiguration": {"level": rule.severity, "enabled": not rule.opinion},
    }


def _result(finding: Finding, indices: dict[str, int]) -> dict[str, object]:
    result: dict[str, object] = {
        "ruleId": finding.code,
        "ruleIndex": indices[finding.code],
        "level": finding.severity,
        "message": {"text": printable(_message(finding))},
        "locations": [_location(finding)],
        "relatedLocations": [
            {"physicalLocation": _physical(each)} for each in dict.fromkeys(finding.related)
        ],
    }
    if finding.shift is not None and math.isfinite(finding.shift):
        result["properties"] = {"shift": finding.shift}
    return result


def _location(finding: Finding) -> dict[str, object]:
    location: dict[str, object] = {}
    if finding.location is not None:
        location["physicalLocation"] = _physical(finding.location)
    if finding.layers:
        location["logicalLocations"] = [
            {"fullyQualifiedName": printable(layer), "kind": "member"}
            for layer in dict.fromkeys(finding.layers)
        ]
    return location


def _physical(place: Location) -> dict[str, object]:
    path = Path(place.file.partition(":cell ")[0])
    region = {"startLine": max(place.line, 1)}
    if place.column:
        region["startColumn"] = place.column
    uri = path.as_uri() if path.is_absolute() else quote(os.fsencode(path.as_posix()))
    return {"artifactLocation": {"uri": uri}, "region": region}


def _lines(path: str) -> tuple[str, ...]:
    try:
        return _read(path, Path(path).stat().st_mtime_ns)
    except (OSError, ValueError, SyntaxError, LookupError):
        return ()


@lru_cache(maxsize=8)
def _read(path: str, _changed: int) -> tuple[str, ...]:
    return tuple(read_text(path).lines())


def line_of(location: Location) -> str:
    """The line a location names, without its end; empty where it cannot be read."""
    path, colon, cell = location.file.partition(":cell ")
    number = location.line
    if colon:
        starts = {number: first for first, number in read_text(path).cells}
        number += starts.get(int(cell), 1) - 1
    lines = _lines(path)
    return lines[number - 1] if 0 < number <= len(lines) else ""
