"""Rules run over models and files."""

import gc
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from normdrop.lint.rules._registry import codes
from normdrop.lint.rules._rule import Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.rules._suppressions import Suppression, comments, suppress
from normdrop.lint.rules.nd901_unused_suppression import UnusedSuppression
from normdrop.lint.source import Source, files, read, read_text
from normdrop.values.findings import Finding, Findings
from normdrop.values.location import Location

if TYPE_CHECKING:
    from normdrop.shifts.graph import Captured
    from normdrop.shifts.report import LayerShift

_RANK = {"error": 0, "warning": 1, "note": 2}
# Every rule speaks of one of these words, and of one of these libraries; any other file is not
# parsed.
_WORDS = re.compile(
    rb"Dropout|BatchNorm|\.(alpha_)?dropout[123]?d?\(|import[^\n]*\bdropout|nb_epoch|border_mode"
    rb"|update_bn|normdrop:"
)
# One of these stands in every such file, and is found faster than a word by a pattern.
_TRACES = (b"ropout", b"BatchNorm", b"nb_epoch", b"border_mode", b"update_bn", b"normdrop:")
_LIBRARIES = re.compile(rb"^\s*(import|from)\s+(torch|keras|tensorflow|tf_keras)\b", re.MULTILINE)


def check_captured(
    captured: "Captured",
    shifts: "Iterable[LayerShift]",
    rules: Sequence[Rule],
    *,
    modes: Mapping[str, bool] | None = None,
) -> Findings:
    """What is wrong with a captured model, the worst first.

    Args:
        captured: The model in both modes.
        shifts: The expected shift at its norm layers.
        rules: The rules to run.
        modes: Whether each module of the model is in train mode, by path.
    """
    by_path = {layer.path: layer for layer in shifts}
    subject = Subject(captured.train, captured, by_path, modes or {})
    found = [finding for rule in rules for finding in rule.in_model(subject)]
    return Findings(tuple(found)).worst_first()


def without_accepted(findings: Findings, suppressions: Sequence[Suppression]) -> Findings:
    """The findings of a model that no suppression by layer or file accepts.

    Suppressions that are of no use are not judged: they may be meant for another model.
    """
    kept, _ = suppress(findings, suppressions)
    return Findings(tuple(kept), findings.notes)


def check_text(path: str, text: str | bytes, rules: Sequence[Rule]) -> list[Finding]:
    """What is wrong with Python source, in reading order; suppressions are not regarded.

    Raises:
        SyntaxError: It is not Python.
        ValueError: It holds a null byte.
        RecursionError, MemoryError: It is nested too deeply for Python's own parser.
    """
    return _checked(read(path, text), rules)


def _checked(source: Source, rules: Sequence[Rule]) -> list[Finding]:
    found = [finding for rule in rules for finding in rule.in_source(source)]
    for sketch in source.sketches:
        subject = Subject.from_sketch(sketch)
        found.extend(finding for rule in rules for finding in rule.in_model(subject))
    return _once(found)


def _once(found: Iterable[Finding]) -> list[Finding]:
    """Each fault once: of several views of one line, the one that shows most."""
    best: dict[tuple[str, Location | None], Finding] = {}
    for finding in found:
        key = finding.code, finding.location
        if key not in best or _weight(finding) < _weight(best[key]):
            best[key] = finding
    return sorted(best.values(), key=_reading_order)


def _weight(finding: Finding) -> tuple[int, int]:
    return _RANK[finding.severity], -len(finding.layers)


def _reading_order(finding: Finding) -> tuple[Location, str]:
    return finding.location or Location("", 0), finding.code


def check_files(
    paths: Sequence[str],
    rules: Sequence[Rule],
    *,
    exclude: Sequence[str] = (),
    suppressions: Sequence[Suppression] = (),
) -> Findings:
    """What is wrong in files and folders of source, file by file.

    Args:
        paths: Files and folders.
        rules: The rules to run.
        exclude: Patterns, as in a `.gitignore`, of what to leave out.
        suppressions: What is accepted for layers or files; see also the comments in the files.

    Returns:
        The findings, and one note for every file that could not be checked.

    Raises:
        UsageError: A path does not exist.
    """
    found: list[Finding] = []
    notes: list[str] = []
    used: set[Suppression] = set()
    for path in files(paths, exclude):
        try:
            kept, of_use = _check_file(path, rules, suppressions)
        except Exception as error:  # noqa: BLE001 - one unreadable file must not stop the others
            notes.append(f"{path}: {_reason(error)}")
        else:
            found.extend(kept)
            used |= of_use
    found.extend(_unused(suppressions, used, rules))
    return Findings(tuple(found), tuple(notes))


def _check_file(
    path: str, rules: Sequence[Rule], suppressions: Sequence[Suppression]
) -> tuple[list[Finding], set[Suppression]]:
    """The findings of one file, and the suppressions they needed."""
    text = read_text(path)
    if not _is_relevant(text.code):
        return [], set()
    with _without_collection():
        found = check_text(path, text.code, rules)
    written = comments(path, text.lines()) if b"normdrop:" in text.code else []
    kept, used = suppress(found, [*written, *suppressions])
    kept.extend(_unused(written, used, rules))
    if text.cells:
        kept = [_moved(each, lambda line: text.place(path, line)) for each in kept]
    return kept, used


def _is_relevant(code: bytes) -> bool:
    """Whether any rule may have something to say."""
    return (
        any(trace in code for trace in _TRACES)
        and _WORDS.search(code) is not None
        and _LIBRARIES.search(code) is not None
    )


@contextmanager
def _without_collection() -> Iterator[None]:
    """Look for no cycles of garbage: a syntax tree is many objects that all stay for a while."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _unused(
    suppressions: Sequence[Suppression], used: set[Suppression], rules: Sequence[Rule]
) -> list[Finding]:
    if not suppressions:
        return []
    ran = {rule.code for rule in rules}
    # A code that no rule has is never of use.
    ran |= {code for each in suppressions for code in each.codes} - codes().keys()
    judges = [rule for rule in rules if isinstance(rule, UnusedSuppression)]
    return [finding for rule in judges for finding in rule.unused(suppressions, used, ran)]


def _moved(finding: Finding, place: Callable[[int], tuple[str, int]]) -> Finding:
    """A finding of a notebook, by cell and line."""

    def moved(location: Location | None) -> Location | None:
        return location and Location(*place(location.line), location.column)

    related = tuple(each for each in map(moved, finding.related) if each)
    return replace(finding, location=moved(finding.location), related=related)


def _reason(error: Exception) -> str:
    """Why a file could not be checked, in one line."""
    if isinstance(error, SyntaxError):
        where = f", line {error.lineno}" if error.lineno else ""
        return f"not Python: {error.msg}{where}"
    if isinstance(error, RecursionError | MemoryError):
        return "nested too deeply to be parsed"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return " ".join(str(error).split()) or type(error).__name__
