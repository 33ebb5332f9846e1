"""Findings as a terminal shows them: in colour, the source around each, and what to do next."""

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from rich.text import Text

from normdrop.report.findings import line_of
from normdrop.values.display import STYLES, Headline, Level
from normdrop.values.findings import Finding, Findings
from normdrop.values.text import printable

if TYPE_CHECKING:
    from normdrop.values.severity import Severity

_LINE = 160
"""The widest line of source that is shown where the width is not known."""
_NARROWEST = 40
_AROUND = 0.4
"""How much of a cropped line is shown before the place that is meant."""
_PLURALS: "tuple[tuple[Severity, str], ...]" = (
    ("error", "errors"),
    ("warning", "warnings"),
    ("note", "notes"),
)


def on_screen(
    findings: Findings, width: int | None = None, targets: Sequence[str] = ()
) -> Iterator[Text]:
    """The lines of a check: verdict first, each finding with its source, what to do next last.

    Args:
        findings: What was found.
        width: Columns to wrap and crop at; None leaves messages whole, for files and pipes.
        targets: What was checked, as given on the command line, for the next command.
    """
    yield _styled(str(verdict_of(findings)), verdict_of(findings).level)
    yield Text()
    for finding in findings:
        yield from _finding(finding, width)
        yield Text()
    if findings.unknown:
        yield from _wrapped(f"Of {findings.judged} norm layers, {findings.ignorance}.", width, "")
    following = next_commands(findings, targets)
    if following:
        yield Text.assemble(("Next: ", "bold"), (printable(following), "cyan"))
    else:
        yield Text("Next: nothing to do.")


def verdict_of(findings: Findings) -> Headline:
    """What a check comes to, in a line."""
    if not findings:
        level: Level = "unknown" if findings.notes and findings.judged is None else "ok"
        return Headline(level, f"nothing found; {_scope(findings)}")
    counts = Counter(finding.severity for finding in findings)
    parts = [
        f"{counts[one]} {one if counts[one] == 1 else many}"
        for one, many in _PLURALS
        if counts[one]
    ]
    worst = next(one for one, _ in _PLURALS if counts[one])
    return Headline(worst, f"{', '.join(parts)}; {_scope(findings)}")


def _scope(findings: Findings) -> str:
    if findings.judged is None:
        return str(findings.scope)
    return f"{findings.judged} norm layer{'' if findings.judged == 1 else 's'} judged"


def next_commands(findings: Findings, targets: Sequence[str]) -> str:
    """What to run next; nothing where nothing is found."""
    if not findings:
        return ""
    explained = f"normdrop explain {findings[0].code}"
    if targets and any(finding.fix for finding in findings):
        return f"normdrop fix {shlex.join(targets)}   (why: {explained})"
    return explained


def _finding(finding: Finding, width: int | None) -> Iterator[Text]:
    place = finding.location
    head = f"{finding.code} {finding.severity}: {printable(finding.message)}"
    style = STYLES[finding.severity]
    for number, line in enumerate(_lines(head, width, "  ")):
        text = Text(line)
        if not number:
            text.stylize(f"bold {style}", 0, len(finding.code) + 1 + len(finding.severity) + 1)
        yield text
    gutter = " " * len(str(place.line)) if place else " "
    if place is not None:
        yield Text.assemble((f"{gutter}--> ", "bold blue"), printable(str(place)))
        yield from _source(finding, gutter, width)
    if finding.related:
        more = len(finding.related) - 3
        places = ", ".join(map(str, finding.related[:3])) + (
            f" and {more} more" if more > 0 else ""
        )
        yield from _aside(gutter, "see", places, width)
    if finding.fix is not None:
        yield from _aside(gutter, "help", str(finding.fix), width)


def _source(finding: Finding, gutter: str, width: int | None) -> Iterator[Text]:
    """The line at fault, cropped to what is around the place, and a caret under each character."""
    place = finding.location
    if place is None:
        return
    line = printable(line_of(place).expandtabs(1).rstrip())
    if not line or (width is None and len(line) > _LINE):
        return
    column = place.column - 1 if place.column else None
    room = (width or len(line) + len(gutter) + 3) - len(gutter) - 3
    shown, at = _cropped(line, column, max(room, _NARROWEST))
    bar = ("|", "bold blue")
    yield Text.assemble(f"{gutter} ", bar)
    yield Text.assemble((str(place.line), "bold blue"), " ", bar, f" {shown}")
    if at is not None:
        carets = "^" * len(_word(shown, at))
        style = STYLES[finding.severity]
        yield Text.assemble(f"{gutter} ", bar, " " * (at + 1), (carets, style))


def around(finding: Finding) -> tuple[str, str, str]:
    """The line at fault, what stands before the place that is meant, and the word at it."""
    place = finding.location
    if place is None:
        return "", "", ""
    line = printable(line_of(place).expandtabs(1).rstrip())
    at = place.column - 1 if place.column else len(line)
    return line, line[:at], _word(line, at)


def _word(line: str, at: int) -> str:
    """A name with its dots, or one character."""
    word = re.match(r"[\w.]+", line[at:])
    return word.group() if word else line[at : at + 1]


def _cropped(line: str, column: int | None, room: int) -> tuple[str, int | None]:
    """As much of a line as there is room for around a column, and where the column is in it.

    >>> _cropped("x = first(second(third))", 10, 12)
    ('… irst(sec …', 7)
    >>> _cropped("short", 2, 12)
    ('short', 2)
    """
    if len(line) <= room:
        return line, column
    start = max(0, int((column or 0) - _AROUND * room))
    start = min(start, max(0, len(line) - room + 2)) if start else 0
    before = "… " if start else ""
    shown = before + line[start : start + room - len(before)]
    if start + room - len(before) < len(line):
        shown = shown[: room - 2] + " …"
    return shown, None if column is None else column - start + len(before)


def _aside(gutter: str, word: str, text: str, width: int | None) -> Iterator[Text]:
    indent = " " * (len(gutter) + len(word) + 5)
    for number, line in enumerate(_lines(f"{gutter} = {word}: {printable(text)}", width, indent)):
        shown = Text(line)
        if not number:
            shown.stylize("bold", len(gutter) + 3, len(gutter) + len(word) + 4)
        yield shown


def _wrapped(text: str, width: int | None, indent: str) -> Iterator[Text]:
    yield from map(Text, _lines(printable(text), width, indent))


def _lines(text: str, width: int | None, indent: str) -> list[str]:
    if width is None:
        return [text]
    stripped = text.lstrip()
    lead = text[: len(text) - len(stripped)]
    wrapped = wrap(
        stripped,
        max(width, _NARROWEST),
        initial_indent=lead,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
    return wrapped or [text]


def _styled(text: str, level: Level) -> Text:
    return Text(printable(text), style=STYLES[level])
