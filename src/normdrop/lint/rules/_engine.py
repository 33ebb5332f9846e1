"""Rules run over models and files."""

import gc
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextlib import suppress as suppress_errors
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from normdrop.lint.rules._rule import Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.rules._suppressions import Suppression, comments, suppress
from normdrop.lint.source import (
    MODEL_WORDS,
    SUFFIXES,
    NoFileError,
    Source,
    Text,
    files,
    open_project,
    parse_source,
    read_text,
    unreadable,
)
from normdrop.values.findings import Finding, Findings, Scope
from normdrop.values.location import Location

if TYPE_CHECKING:
    from normdrop.lint.source import Project, Sketch
    from normdrop.shifts.graph import Captured
    from normdrop.shifts.report import LayerShift

_RANK = {"error": 0, "warning": 1, "note": 2}
_NAMES = (b"torch", b"keras", b"tensorflow")
# Layers and loops in a file that gets its library by another name, or from another file.
_SPOKEN = (b"BatchNorm", b"Dropout(", b".backward(", b"GradientTape", b"set_learning_phase")
# Few rules have anything to say about a file that imports none of these.
_LIBRARIES = re.compile(
    rb"\b(?:import|from)\b(?:[^\n\\]|\\\r?\n|\\)*\b(?:torch|keras|tensorflow|tf_keras)\b"
)


def check_captured(
    captured: "Captured",
    shifts: "Iterable[LayerShift]",
    rules: Sequence[Rule],
    *,
    modes: Mapping[str, bool] | None = None,
    untrained: frozenset[str] = frozenset(),
    overruled: frozenset[str] = frozenset(),
    norms: Iterable[str] = (),
) -> Findings:
    """What is wrong with a captured model, the worst first.

    Args:
        captured: The model in both modes.
        shifts: The expected shift at its norm layers.
        rules: The rules to run.
        modes: Whether each module of the model is in train mode, by path.
        untrained: Norm layers that learn statistics while no training changes their parameters.
        overruled: Layers that were called in train mode where the model was built, and that the
            mode of the whole model overrules.
        norms: Paths of the norm layers that keep running statistics, also where no call was seen.
    """
    by_path = {layer.path: layer for layer in shifts}
    subject = Subject(
        captured.train, captured, by_path, modes or {}, untrained=untrained, overruled=overruled
    )
    found = [finding for rule in rules for finding in rule.in_model(subject)]
    unknown = tuple(subject.unjudged(norms))
    judged = len({node.layer for node in subject.graph if node.carries_statistics})
    judged -= len({each.path for each in unknown} & {node.layer for node in subject.graph})
    looked = Scope(models=1)
    return Findings(tuple(found), scope=looked, judged=judged, unknown=unknown).worst_first()


def well_placed(subject: Subject) -> frozenset[str]:
    """The noise layers that stand where their branch bears them best."""
    # Only now: graphs take time to import, and source is checked without them where it can be.
    from normdrop.lint.rules._branches import where_it_belongs

    return where_it_belongs(subject)


def without_accepted(findings: Findings, suppressions: Sequence[Suppression]) -> Findings:
    """The findings of a model that no suppression by layer or file accepts.

    Suppressions that are of no use are not judged: they may be meant for another model.
    """
    kept, _ = suppress(findings, suppressions)
    return replace(findings, found=tuple(kept))


class Neighbours:
    """The files around those that are checked, and what is wrong in each by itself."""

    def __init__(self) -> None:
        self._known: dict[str, set[tuple[str, int, int]]] = {}

    @cached_property
    def project(self) -> "Project":
        """The files, read as far as others lead to them."""
        return open_project()

    def says(self, finding: Finding, rules: Sequence[Rule]) -> bool:
        """Whether a finding in another file is one that a check of that file tells anyway."""
        place = finding.location or Location("", 0)
        file = os.path.abspath(place.file)  # noqa: PTH100 - links are no other files
        if file not in self._known:
            # Files that lead to one another in a circle: what is asked again is not known yet.
            self._known[file] = set()
            with suppress_errors(Exception):
                check_text(file, read_text(file).code, rules, self)
        return (finding.code, place.line, place.column) in self._known[file]

    def tell(self, path: str, found: Sequence[Finding]) -> None:
        """Keep what is wrong with a file by itself."""
        known = self._known.setdefault(os.path.abspath(path), set())  # noqa: PTH100 - as above
        known.update(
            (each.code, each.location.line, each.location.column)
            for each in found
            if each.location is not None
        )


def check_text(
    path: str, text: str | bytes, rules: Sequence[Rule], neighbours: Neighbours | None = None
) -> list[Finding]:
    """What is wrong with Python source, in reading order; suppressions are not regarded.

    What it imports from files beside it is followed into those; what is wrong there by itself is
    not repeated.

    Raises:
        SyntaxError: It is not Python.
        ValueError: It holds a null byte.
        RecursionError, MemoryError: It is nested too deeply for Python's own parser.
    """
    around = neighbours or Neighbours()
    return check_source(parse_source(path, text, around.project), rules, around)


def check_source(
    source: Source, rules: Sequence[Rule], neighbours: Neighbours | None = None
) -> list[Finding]:
    """What is wrong with source that is parsed, in reading order; suppressions are not regarded."""
    around = neighbours or Neighbours()
    found = [finding for rule in rules for finding in rule.in_source(source)]
    of_models = [rule for rule in rules if type(rule).in_model is not Rule.in_model]
    for sketch in source.sketches if of_models else ():
        subject = Subject.from_sketch(sketch)
        for finding in (finding for rule in of_models for finding in rule.in_model(subject)):
            places = [finding.location, *finding.related]
            if all(place is None or place.file == source.path for place in places):
                found.append(finding)
            elif not around.says(finding, rules):
                found.append(_moved(finding, _entry(sketch)))
    told = _once(found)
    around.tell(source.path, told)
    return told


def _entry(sketch: "Sketch") -> Callable[[Location], Location]:
    """Where the file that is checked leads to a place in another file."""
    return lambda place: sketch.entries.get(place, place)


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
        itself and skipped where it lies in a folder; so are cells of a notebook that are no Python.

    Raises:
        UsageError: A path does not exist, or holds a model and no source.
    """
    found: list[Finding] = []
    notes: list[str] = []
    skipped: list[str] = []
    used: set[Suppression] = set()
    worth, neighbours = _RulesByWord(rules), Neighbours()
    read = models = 0
    for path in files(paths, exclude, notes):
        try:
            kept, of_use, seen, left_out = _check_file(path, worth, suppressions, neighbours)
        except NoFileError as error:
            skipped.append(f"{path}: {error}")
            if path in paths:
                notes.append(skipped[-1])
        except Exception as error:  # noqa: BLE001 - one unreadable file must not stop the others
            skipped.append(f"{path}: {unreadable(error)}")
            notes.append(skipped[-1])
        else:
            read, models = read + 1, models + seen
            found.extend(kept)
            used |= of_use
            skipped.extend(left_out)
    found.extend(_unused(suppressions, used, rules))
    scope = Scope(read, models, tuple(dict.fromkeys([*notes, *skipped])))
    return Findings(tuple(found), tuple(notes), scope)


def _check_file(
    path: str,
    worth: "_RulesByWord",
    suppressions: Sequence[Suppression],
    neighbours: Neighbours,
) -> tuple[list[Finding], set[Suppression], int, tuple[str, ...]]:
    """The findings of one file, the suppressions they needed, its models, and what was not read."""
    text = read_text(path)
    rules = worth.rules(path, text.code, neighbours)
    if not rules:
        if not path.endswith(SUFFIXES):
            parse_source(path, text.code)  # a file of something else holds no Python
        return [], set(), 0, ()
    with _without_collection():
        text, source = _parsed(path, text, neighbours.project)
        found = check_source(source, rules, neighbours)
        models = len(source.sketches)
    written = comments(path, text.lines()) if b"normdrop:" in text.code else []
    kept, used = suppress(found, [*written, *suppressions])
    kept.extend(_unused(written, used, worth.every))
    if text.cells:
        kept = [
            _moved(each, lambda at: Location(*text.place(path, at.line), at.column))
            for each in kept
        ]
    return kept, used, models, text.unread


def _parsed(path: str, text: Text, project: "Project") -> tuple[Text, Source]:
    """A file, or a notebook without the cells that are no Python."""
    try:
        return text, parse_source(path, text.code, project)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        if not text.cells:
            raise
    text = text.of_whole_cells(path)
    return text, parse_source(path, text.code, project)


class _RulesByWord:
    """For which rules a file is worth parsing, by the words in it."""

    def __init__(self, every: Sequence[Rule]) -> None:
        self.every = every

    @cached_property
    def _words(self) -> list[tuple[bytes, str]]:
        # Only now: a run over a few files that import no library needs no rule.
        words = {word for rule in self.every for word in rule.words}
        return [(word.encode(), word) for word in sorted(words)]

    def rules(self, path: str, text: bytes, neighbours: Neighbours) -> list[Rule]:
        """The rules that may have something to say."""
        speaks = any(word in text for word in _SPOKEN)
        if not speaks and not any(name in text for name in _NAMES):
            return []
        found = {word for sought, word in self._words if sought in text}
        if not (speaks or _LIBRARIES.search(text)):
            return []
        if found.isdisjoint(MODEL_WORDS) and neighbours.project.leads_to_norms(path, text):
            found.update(MODEL_WORDS)
        if not found:
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


def _moved(finding: Finding, place: Callable[[Location], Location]) -> Finding:
    """A finding named by other places: of a notebook by cell and line, or where a call led off."""
    location = finding.location and place(finding.location)
    moved = map(place, finding.related)
    related = tuple(dict.fromkeys(each for each in moved if each != location))
    return replace(finding, location=location, related=related)
