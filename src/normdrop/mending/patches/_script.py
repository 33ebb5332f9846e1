"""A file as bytes that are edited at the places where its syntax tree says things stand."""

import ast
import io
import re
import tokenize
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from normdrop.lint.source import Source, parse_source
from normdrop.mending.repairs import Move
from normdrop.values.location import Location

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r|$)")


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Bytes from `start` up to `end` become `text`."""

    start: int
    end: int
    text: bytes


Edits: TypeAlias = Sequence[Edit]


@dataclass(frozen=True, slots=True)
class Mending:
    """Edits that may mend a finding.

    Attributes:
        edits: What is edited.
        behind: Where the text stands, from start to end, that makes or calls what a moved layer
            would stand behind; None where none is moved.
        move: What becomes of dropout, as `fix` calls it; None where the edit is of another kind.
    """

    edits: Edits
    behind: tuple[int, int] | None = None
    move: Move | None = None


class Edited:
    """Where text is once edits are made."""

    def __init__(self, edits: Iterable[Edit]) -> None:
        self._edits = sorted(edits)
        grown, self._grown = 0, [0]
        for edit in self._edits:
            grown += len(edit.text) - (edit.end - edit.start)
            self._grown.append(grown)
        self._starts = [edit.start for edit in self._edits]

    def position(self, offset: int) -> int | None:
        """Where what stood at an offset is now; None where it was taken out."""
        index = bisect_right(self._starts, offset)
        before = self._edits[index - 1] if index else None
        if before is not None and before.start <= offset < before.end:
            return before.start + self._grown[index - 1] if before.text else None
        return offset + self._grown[index]

    def span(self, edit: Edit) -> tuple[int, int]:
        """From where to where the text of one of the edits stands now."""
        start = edit.start + self._grown[self._edits.index(edit)]
        return start, start + len(edit.text)


@dataclass(frozen=True)
class Script:
    """Python source, as UTF-8 with the line ends it has.

    Attributes:
        path: Where it was read.
        code: The text.
    """

    path: str
    code: bytes

    @cached_property
    def source(self) -> Source:
        """What the rules see of it.

        Raises:
            SyntaxError: It is not Python.
        """
        return parse_source(self.path, self.code.decode())

    @cached_property
    def lines(self) -> list[int]:
        """Where each line starts, and where the text ends."""
        starts = [match.start() for match in _LINE.finditer(self.code)]
        return [*starts, len(self.code)]

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """What each node stands in."""
        return {
            child: parent
            for parent in ast.walk(self.source.tree)
            for child in ast.iter_child_nodes(parent)
        }

    @property
    def newline(self) -> bytes:
        """How the first line ends."""
        match = re.search(rb"\r\n|\n|\r", self.code)
        return match[0] if match else b"\n"

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Where a node's text starts and ends."""
        first = self.lines[getattr(node, "lineno", 1) - 1] + getattr(node, "col_offset", 0)
        last_line, last = getattr(node, "end_lineno", None), getattr(node, "end_col_offset", None)
        return first, self.lines[(last_line or 1) - 1] + (last or 0)

    def text(self, node: ast.AST) -> bytes:
        """A node's text."""
        start, end = self.span(node)
        return self.code[start:end]

    def at(self, place: Location | None) -> list[ast.AST]:
        """The nodes that start at a place, the outermost first."""
        if place is None:
            return []
        return self._nodes_at.get((place.line, place.column - 1), [])

    @cached_property
    def _nodes_at(self) -> dict[tuple[int, int], list[ast.AST]]:
        found: defaultdict[tuple[int, int], list[ast.AST]] = defaultdict(list)
        for node in ast.walk(self.source.tree):
            found[getattr(node, "lineno", 0), getattr(node, "col_offset", -1)].append(node)
        return dict(found)

    def offset(self, place: Location) -> int:
        """Where a place is in the text."""
        return self.lines[place.line - 1] + max(0, place.column - 1)

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """What a node stands in, the nearest first."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def statement(self, node: ast.AST) -> ast.stmt | None:
        """The statement a node stands in."""
        found = (each for each in (node, *self.above(node)) if isinstance(each, ast.stmt))
        return next(found, None)

    def line_of(self, offset: int) -> tuple[int, int]:
        """Where the line of an offset starts, and where the next one does."""
        number = min(bisect_right(self.lines, offset) - 1, len(self.lines) - 2)
        return self.lines[number], self.lines[number + 1]

    def whole_lines(self, start: int, end: int, *, comma: bool = False) -> tuple[int, int] | None:
        """The lines of a stretch, if nothing but a comment (or a comma) stands beside it."""
        first, last = self.line_of(start)[0], self.line_of(max(start, end - 1))[1]
        after = rb"\s*,?\s*(#.*)?" if comma else rb"\s*(#.*)?"
        rest = self.code[end:last].rstrip(b"\r\n")
        if self.code[first:start].strip() or not re.fullmatch(after, rest):
            return None
        return first, last

    def edited(self, edits: Iterable[Edit]) -> "Script":
        """The script with edits made, of which no two overlap.

        Raises:
            ValueError: Two do.
        """
        parts: list[bytes] = []
        position = 0
        for edit in sorted(edits):
            if edit.start < position:
                raise ValueError("two edits of one place")
            parts += [self.code[position : edit.start], edit.text]
            position = edit.end
        return Script(self.path, b"".join([*parts, self.code[position:]]))


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file's text is stored."""

    name: str

    @classmethod
    def of(cls, content: bytes) -> "Encoding":
        """The encoding a file declares.

        Raises:
            SyntaxError: It declares one that does not exist or is not that of its text.
        """
        return cls(tokenize.detect_encoding(io.BytesIO(content).readline)[0])

    def decoded(self, content: bytes) -> bytes:
        """Stored text as UTF-8."""
        return content.decode(self.name).encode()

    def encoded(self, code: bytes) -> bytes:
        """UTF-8 as it is stored."""
        return code.decode().encode(self.name)
