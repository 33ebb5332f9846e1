"""Rules run over models and files."""

import gc
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from normdrop.lint.rules._rule import Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.rules._suppressions import Suppression, comments, suppress
from normdrop.lint.source import (
    SUFFIXES,
    NoFileError,
    Source,
    files,
    parse_source,
    read_text,
)
from normdrop.values.findings import Finding, Findings, Scope
from normdrop.values.location import Location

if TYPE_CHECKING:
    from normdrop.shifts.graph import Captured
    from normdrop.shifts.report import LayerShift

_RANK = {"error": 0, "warning": 1, "note": 2}
_NAMES = (b"torch", b"keras", b"tensorflow")
# No rule has anything to say about a file that imports none of these.
_LIBRARIES = re.compile(
    rb"\b(?:import|from)\b(?:[^\n\\]|\\\r?\n|\\)*\b(?:torch|keras|tensorflow|tf_keras)\b"
)


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
    return Findings(tuple(found), scope=Scope(models=1)).worst_first()


def without_accepted(findings: Findings, suppressions: Sequence[Suppression]) -> Findings:
    """The findings of a model that no suppression by layer or file accepts.

    Suppressions that are of no use are not judged: they may be meant for another model.
    """
    kept, _ = suppress(findings, suppressions)
    return replace(findings, found=tuple(kept))


def check_text(path: str, text: str | bytes, rules: Sequence[Rule]) -> list[Finding]:
    """What is wrong with Python source, in reading order; suppressions are not regarded.

    Raises:
        SyntaxError: It is not Python.
        ValueError: It holds a null byte.
        RecursionError, MemoryError: It is nested too deeply for Python's own parser.
    """
    return _checked(parse_source(path, text), rules)[0]


def _checked(source: Source, rules: Sequence[Rule]) -> tuple[list[Finding], int]:
    """The findings of a file, and how many models were seen in it."""
    found = [finding for rule in rules for finding in rule.in_source(source)]
    of_models = [rule for rule in rules if type(rule).in_model is not Rule.in_model]
    sketches = source.sketches if of_models else ()
    for sketch in sketches:
        subject = Subject.from_sketch(sketch)
        found.extend(finding for rule in of_models for finding in rule.in_model(subject))
    return _once(found), len(sketches)


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
        The findings, one note for every file or folder that could not be checked, and how many
        were. What is no file, a pipe or a link that leads nowhere, is noted where it is given
        itself and skipped where it lies in a folder.

    Raises:
        UsageError: A path does not exist, or holds a model and no source.
    """
    found: list[Finding] = []
    notes: list[str] = []
    skipped: list[str] = []
    used: set[Suppression] = set()
    worth = _RulesByWord(rules)
    read = models = 0
    for path in files(paths, exclude, notes):
        try:
            kept, of_use, seen = _check_file(path, worth, suppressions)
        except NoFileError as error:
            skipped.append(f"{path}: {error}")
            if path in paths:
                notes.append(skipped[-1])
        except Exception as error:  # noqa: BLE001 - one unreadable file must not stop the others
            skipped.append(f"{path}: {_reason(error)}")
            notes.append(skipped[-1])
        else:
            read, models = read + 1, models + seen
            found.extend(kept)
            used |= of_use
    found.extend(_unused(suppressions, used, rules))
    left_out = tuple(dict.fromkeys([*notes, *skipped]))
    return Findings(tuple(found), tuple(notes), Scope(read, models, left_out))


def _check_file(
    path: str, worth: "_RulesByWord", suppressions: Sequence[Suppression]
) -> tuple[list[Finding], set[Suppression], int]:
    """The findings of one file, the suppressions they needed, and how many models it holds."""
    text = read_text(path)
    rules = worth.rules(text.code)
    if not rules:
        if not path.endswith(SUFFIXES):
            parse_source(path, text.code)  # a file of something else holds no Python
        return [], set(), 0
    with _without_collection():
        found, models = _checked(parse_source(path, text.code), rules)
    written = comments(path, text.lines()) if b"normdrop:" in text.code else []
    kept, used = suppress(found, [*written, *suppressions])
    kept.extend(_unused(written, used, worth.every))
    if text.cells:
        kept = [_moved(each, lambda line: text.place(path, line)) for each in kept]
    return kept, used, models


class _RulesByWord:
    """For which rules a file is worth parsing, by the words in it."""

    def __init__(self, every: Sequence[Rule]) -> None:
        self.every = every

    @cached_property
    def _words(self) -> list[tuple[bytes, str]]:
        # Only now: a run over a few files that import no library needs no rule.
        words = {word for rule in self.every for word in rule.words}
        return [(word.encode(), word) for word in sorted(words)]

    def rules(self, text: bytes) -> list[Rule]:
        """The rules that may have something to say."""
        if not any(name in text for name in _NAMES):
            return []
        found = {word for sought, word in self._words if sought in text}
        if not found or _LIBRARIES.search(text) is None:
            return []
        return [
            rule for rule in self.every if not found.isdisjoint(rule.words) and rule.is_worth(text)
        ]


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
    return [finding for rule in rules for finding in rule.in_suppressions(suppressions, used, ran)]


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
