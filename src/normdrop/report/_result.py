"""What a verb found as one HTML file that opens without a network, and needs no script."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from normdrop.errors import NormdropError
from normdrop.mending.repairs import Fix
from normdrop.report._shift_figure import shift_figure
from normdrop.report._terminal import around, verdict_of
from normdrop.shifts.report import Recalibration, ShiftReport
from normdrop.values.display import MARKS, Headline, Table, escaped, rounded
from normdrop.values.files import write_atomically
from normdrop.values.findings import Finding, Findings

Result = Findings | ShiftReport | Recalibration | Fix[Any]


def write_result(
    result: Result, path: str | os.PathLike[str], *, name: str = "the model", following: str = ""
) -> Path:
    """Write what a verb found as a page: one file, no request to anywhere, light and dark.

    Args:
        result: What `check`, `predict`, `measure`, `recalibrate` or `fix` returned.
        path: Where the file is to be; missing folders are made.
        name: What was looked at, for the page's title.
        following: What to run next, for the page's last line.

    Returns:
        The file's path, links resolved.

    Raises:
        NormdropError: If the file cannot be written (the old one is kept), or if jinja2 is not
            installed.
    """
    return write_atomically(path, result_html(result, name=name, following=following))


def result_html(result: Result, *, name: str = "the model", following: str = "") -> str:
    """The page's text. Every name and message in it is escaped.

    Raises:
        NormdropError: If jinja2 is not installed.
    """
    try:
        from markupsafe import Markup

        from normdrop.report._templates import rendered
    except ImportError as error:
        raise NormdropError("a report needs jinja2: install normdrop[report]") from error
    headline = _headline(result)
    return rendered(
        "result.html",
        title=f"{_title(result)} {name}",
        headline=headline,
        mark=MARKS[headline.level],
        sections=[(title, Markup(body)) for title, body in _sections(result)],  # noqa: S704 - escaped where it is made
        notes=_notes(result),
        following=following,
    )


def _title(result: Result) -> str:
    if isinstance(result, Findings):
        return "Check of"
    if isinstance(result, Fix):
        return "Repair of"
    if isinstance(result, Recalibration):
        return "Recalibration of"
    return "Shift, measured, of" if result.method == "measured" else "Expected shift of"


def _headline(result: Result) -> Headline:
    """What it comes to."""
    if isinstance(result, Findings):
        return verdict_of(result)
    if isinstance(result, ShiftReport):
        return Headline(result.level, result.verdict.removeprefix("ok: "))
    if isinstance(result, Fix):
        changes = len(result.changes)
        done = f"{changes} change{'' if changes == 1 else 's'} made"
        if result.is_complete:
            return Headline("ok", f"{done}, neither error nor warning is left")
        left = len(result.remaining)
        return Headline("warning", f"{done}, {left} finding{' is' if left == 1 else 's are'} left")
    if result.refused:
        return Headline("error", f"nothing was changed: {result.refused}")
    estimated = len(result.stored) - len(result.frozen)
    words = f"the statistics of {estimated} norm layer{'' if estimated == 1 else 's'} are new"
    if result.metric:
        before, after = rounded(result.metric_before), rounded(result.metric_after)
        words += f"; {result.metric} {before} before, {after} now"
    return Headline("ok", words)


def _sections(result: Result) -> Iterator[tuple[str, str]]:
    """Headings and what stands under them, as HTML."""
    if isinstance(result, Findings):
        if result:
            yield "Findings", "\n".join(map(_card, result))
        return
    before = result if isinstance(result, ShiftReport) else result.before
    after = None if isinstance(result, ShiftReport) else result.after
    figure = shift_figure(before, after)
    if figure:
        yield "The shift at every norm layer", f'<div class="wide" tabindex="0">{figure}</div>'
    if isinstance(result, ShiftReport):
        if result.modes is not None:
            yield f"{result.modes.metric} in four modes", _plain(result.modes.to_table())
        yield "Norm layers, worst first", _plain(result.to_table())
    elif isinstance(result, Fix):
        yield "What changed", _plain(result.to_table())
        if result.remaining:
            yield "What is left", "\n".join(map(_card, result.remaining))
    else:
        yield "Statistics", _plain(result.to_table())


def _plain(table: Table) -> str:
    return table.without_notes().to_html()


def _notes(result: Result) -> tuple[str, ...]:
    if isinstance(result, Findings):
        return (*result.remarks, *([f"{result.ignorance}."] if result.unknown else []))
    if isinstance(result, Fix):
        return result.advice
    modes = result.modes.explanations if isinstance(result, ShiftReport) and result.modes else ()
    return (*modes, *result.notes)


def _card(finding: Finding) -> str:
    """One finding: what, where, the line at fault, and what to do."""
    level = f'<span class="level">{MARKS[finding.severity]} {finding.severity}</span>'
    parts = [
        f'<article class="finding {finding.severity}"><h3>{level} {escaped(finding.code)}</h3>',
        f"<p>{escaped(finding.message)}</p>",
    ]
    if finding.location is not None:
        parts.append(f'<p class="place">{escaped(str(finding.location))}</p>')
        line, before, word = around(finding)
        if line:
            after, before = line[len(before) + len(word) :], before.lstrip()
            parts.append(
                f'<pre tabindex="0"><code>{escaped(before)}<mark>{escaped(word)}</mark>'
                f"{escaped(after)}</code></pre>"
            )
    if finding.fix is not None:
        parts.append(f"<p><strong>Help:</strong> {escaped(str(finding.fix))}</p>")
    return "".join([*parts, "</article>"])
