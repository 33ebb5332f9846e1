"""A notebook as one text of Python that is edited cell by cell."""

import ast
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import product
from typing import Any

from normdrop.lint.source import Text, cell_lines
from normdrop.values.findings import Finding
from normdrop.values.location import Location

_MARK = "# normdrop: a cell begins"
"""A line between cells, which no edit crosses."""


@dataclass(frozen=True)
class _JsonStyle:
    """How a notebook is written as JSON."""

    indent: int | None
    plain: bool
    end: str

    def written(self, book: Any) -> str:  # noqa: ANN401 - JSON
        return json.dumps(book, indent=self.indent, ensure_ascii=self.plain) + self.end


_JSON_STYLES = tuple(
    _JsonStyle(*each) for each in product((1, 2, 4, None), (False, True), ("\n", ""))
)


@dataclass(frozen=True)
class Notebook:
    """A notebook whose code cells are one text.

    Attributes:
        content: The file.
        code: The Python of all code cells, a line that marks its beginning before each.
    """

    content: str
    code: str
    _book: Any
    _style: _JsonStyle

    @classmethod
    def of(cls, content: bytes) -> "Notebook":
        """Read a notebook.

        Raises:
            ValueError: It is none, or is written as none of the usual programs write it, so that
                an edit would change more than a cell.
        """
        text = content.decode()
        book = json.loads(text)
        try:
            code = "".join(f"{_MARK}\n{_joined(_python(each))}" for _, each in _code_cells(book))
        except (KeyError, TypeError, AttributeError):
            raise ValueError("not a notebook: no list of cells in it") from None
        style = next((each for each in _JSON_STYLES if each.written(book) == text), None)
        if style is None:
            raise ValueError("its JSON is laid out in no way that can be kept")
        return cls(text, code, book, style)

    def edited(self, code: str) -> str:
        """The file with other code in its cells; a cell that stays is not touched."""
        book = json.loads(self.content)
        parts = code.split(f"{_MARK}\n")[1:]
        for (_, cell), part in zip(_code_cells(book), parts, strict=True):
            was, now = _python(cell), part.splitlines()
            if was == now:
                continue
            lines = list(_kept(_source(cell).split("\n"), was, now))
            name = "source" if "source" in cell else "input"
            as_list = isinstance(cell[name], list)
            text = "\n".join(lines)
            cell[name] = text.splitlines(keepends=True) if as_list else text
        return self._style.written(book)

    def named(self, path: str, finding: Finding) -> Finding:
        """A finding in the text, named by cell and line."""
        lines = self.code.split("\n")
        starts = [number for number, line in enumerate(lines, start=2) if line == _MARK]
        cells = [number for number, _ in _code_cells(self._book)]
        text = Text(b"", tuple(zip(starts, cells, strict=True)))

        def place(at: Location) -> Location:
            return Location(*text.place(path, at.line), at.column)

        return replace(
            finding,
            location=finding.location and place(finding.location),
            related=tuple(map(place, finding.related)),
        )


def _code_cells(book: Any) -> Iterator[tuple[int, Any]]:  # noqa: ANN401 - JSON
    """The code cells, numbered as all cells are from 1."""
    cells = [cell for sheet in book.get("worksheets", [book]) for cell in sheet["cells"]]
    for number, cell in enumerate(cells, start=1):
        if cell["cell_type"] == "code":
            yield number, cell


def _source(cell: Any) -> str:  # noqa: ANN401 - JSON
    return "".join(cell.get("source", cell.get("input", "")))


def _python(cell: Any) -> list[str]:  # noqa: ANN401 - JSON
    """The lines of a cell as Python; a cell that is none does nothing."""
    source = _source(cell)
    lines = cell_lines(source)
    try:
        ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ["pass"]
    # What Python's parser takes for a line must be one here.
    return lines if len("\n".join(lines).splitlines()) == len(lines) else ["pass"]


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _kept(source: Sequence[str], was: Sequence[str], now: Sequence[str]) -> Iterator[str]:
    """The lines of now, with the source of those that stay: a command stands for no Python."""
    if len(source) != len(was):
        yield from now
        return
    for what, start, end, first, last in SequenceMatcher(
        None, was, now, autojunk=False
    ).get_opcodes():
        yield from source[start:end] if what == "equal" else now[first:last]
