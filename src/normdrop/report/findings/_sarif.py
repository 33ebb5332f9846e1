"""Findings as SARIF 2.1.0, which code hosts and editors read."""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path

from normdrop.lint.rules import Rule, all_rules
from normdrop.values.findings import Finding, Findings
from normdrop.values.location import Location
from normdrop.values.text import printable

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def to_sarif(findings: Findings) -> str:
    """One run with every rule there is and every finding."""
    from importlib.metadata import version

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
    for note in dict.fromkeys([*findings.notes, *findings.scope.skipped]):
        level = "error" if note in findings.notes else "warning"
        yield {"level": level, "message": {"text": printable(note)}}


def _rule(rule: type[Rule]) -> dict[str, object]:
    sections = dict(rule.sections())
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary()},
        "fullDescription": {"text": " ".join(sections["Why is this bad?"].split())},
        "defaultConfiguration": {"level": rule.severity, "enabled": not rule.opinion},
    }


def _result(finding: Finding, indices: dict[str, int]) -> dict[str, object]:
    text = finding.message + (f". Fix: {finding.fix}" if finding.fix else "")
    result: dict[str, object] = {
        "ruleId": finding.code,
        "ruleIndex": indices[finding.code],
        "level": finding.severity,
        "message": {"text": printable(text)},
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
    uri = path.as_uri() if path.is_absolute() else _relative(path)
    return {"artifactLocation": {"uri": uri}, "region": region}


def _relative(path: Path) -> str:
    from urllib.parse import quote

    # As bytes: a name need not be UTF-8.
    return quote(os.fsencode(path.as_posix()))
