"""A file as bytes that are edited at the places where its syntax tree says things stand."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from normdrop.lint.source import Source, parse_source
from normdrop.values.location import Location

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r|$)")


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Bytes from `start` up to `end` become `text`."""

    start: int
    end: int
    text: bytes


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
        where = place.line, place.column - 1
        return [
            node
            for node in ast.walk(self.source.tree)
            if (getattr(node, "lineno", 0), getattr(node, "col_offset", -1)) == where
        ]

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
        number = max(i for i, start in enumerate(self.lines) if start <= offset)
        number = min(number, len(self.lines) - 2)
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
