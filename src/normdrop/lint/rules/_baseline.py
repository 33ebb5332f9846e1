"""Findings that were there before: a baseline file lets only new ones through."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from normdrop.errors import UsageError
from normdrop.values.findings import Finding, Findings
from normdrop.values.location import Location

Line = Callable[[Location], str]


def write_baseline(file: Path, findings: Findings, line: Line) -> None:
    """Write down all findings as known.

    Args:
        file: Where to.
        findings: The findings.
        line: The line of source a location names. A finding is known again by its code, its file
            and the text of its line, so that it may move.
    """
    from normdrop.values.files import write_atomically

    counts = Counter(_key(each, file, line) for each in findings)
    known = [
        {"code": code, "file": path, "line": text, "count": count}
        for (code, path, text), count in sorted(counts.items())
    ]
    write_atomically(file, json.dumps({"version": 1, "known": known}, indent=2) + "\n")


def without_known(findings: Findings, file: Path, line: Line) -> Findings:
    """The findings that a baseline file does not know.

    Raises:
        UsageError: The file is no baseline.
    """
    known = _read(file)
    new = []
    for each in findings:
        key = _key(each, file, line)
        if known[key]:
            known[key] -= 1
        else:
            new.append(each)
    return replace(findings, found=tuple(new))


def _read(file: Path) -> Counter[tuple[str, str, str]]:
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))["known"]
        return Counter(
            {(each["code"], each["file"], each["line"]): int(each["count"]) for each in entries}
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{file} is no baseline ({error}): write one with --write-baseline"
        ) from None


def _key(finding: Finding, file: Path, line: Line) -> tuple[str, str, str]:
    place = finding.location
    if place is None:
        return finding.code, "", " ".join(finding.layers)
    path = Path(place.file).resolve()
    base = file.resolve().parent
    shown = path.relative_to(base) if path.is_relative_to(base) else path
    return finding.code, shown.as_posix(), line(place).strip()
