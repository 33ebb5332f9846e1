"""A table as a value: columns, rows and notes, shown in a terminal or as an HTML fragment."""

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from io import StringIO
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from normdrop.values.display._levels import MARKS, STYLES, Headline, Level
from normdrop.values.text import printable

# rich draws a random number of Python's global generator where it is imported: only to print.
if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table as RichTable

Tone: TypeAlias = Literal["plain", "good", "bad", "error", "warning", "ok", "unknown"]

# A tone shows as a mark beside its row, so that it survives without colour.
_MARKS: Mapping[Tone, str] = MappingProxyType(
    {
        "plain": "",
        "good": "*",
        "bad": "!",
        "error": MARKS["error"],
        "warning": MARKS["warning"],
        "ok": MARKS["ok"],
        "unknown": MARKS["unknown"],
    }
)
_STYLES: Mapping[Tone, str] = MappingProxyType(
    {
        "plain": "",
        "good": "green",
        "bad": "red",
        "error": "red",
        "warning": STYLES["warning"],
        "ok": "",
        "unknown": STYLES["unknown"],
    }
)
# Legible on white and on black alike, for notebooks of either kind.
_INKS: Mapping[Level, str] = MappingProxyType(
    {
        "error": "#d93f3a",
        "warning": "#b7791f",
        "note": "#3b82c4",
        "ok": "#2e9e52",
        "unknown": "#a35fc9",
    }
)

# Wide enough to measure what a table would take.
_UNBOUNDED = 10_000


@dataclass(frozen=True)
class Column:
    """A column's heading and how its cells stand; `meaning` is the heading's tooltip in HTML."""

    name: str
    align: Literal["left", "right"] = "left"
    meaning: str = ""


@dataclass(frozen=True)
class Row:
    """A row's cells, as text, and its tone: the best or worst of a comparison, or a level.

    `good` shows a `*` beside it, `bad` a `!`, a level its own mark.
    """

    cells: tuple[str, ...]
    tone: Tone = "plain"


@dataclass(frozen=True)
class Table:
    """A titled table with notes beneath it.

    `rich.print(table)` draws it in a terminal; in a notebook it draws itself. Text is shown as it
    is: neither rich markup nor HTML in a cell has an effect, and control characters are shown as
    the replacement character.

    Args:
        title: One line above the table.
        columns: The columns, from the left.
        rows: The rows, from the top, each with one cell for each column.
        notes: Sentences beneath the table, as a list.
        verdict: What the table comes to, above everything.

    Raises:
        ValueError: If a row has not one cell for each column.

    Example:
        >>> table = Table(
        ...     title="Losses",
        ...     columns=(Column("order"), Column("loss", "right")),
        ...     rows=(Row(("conv-bn-act", "0.041"), "good"), Row(("conv-act-bn", "0.052"))),
        ...     notes=("Lower is better.",),
        ... )
        >>> print(table.to_text(40))
        Losses
        <BLANKLINE>
           order         loss
        ─────────────────────
        *  conv-bn-act  0.041
           conv-act-bn  0.052
        <BLANKLINE>
        - Lower is better.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    verdict: Headline | None = None

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows):
            if len(row.cells) != len(self.columns):
                message = (
                    f"row {number} has {len(row.cells)} cells for {len(self.columns)} columns: "
                    f"{row.cells!r}"
                )
                raise ValueError(message)

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        """Draw the title, the table and the notes as wide as the console allows."""
        from rich.text import Text

        grid = self._grid(gap=2)
        if (
            console.measure(grid, options=options.update(width=_UNBOUNDED)).maximum
            > options.max_width
        ):
            grid = self._grid(gap=1)
        if self.verdict is not None:
            style = STYLES[self.verdict.level].replace("bold", "").strip()
            yield Text(printable(f"{self.verdict}"), style=f"bold {style}")
            yield Text()
        yield Text(printable(self.title), style="bold" if self.verdict is None else "")
        yield Text()
        yield grid
        if self.notes:
            yield Text()
            yield self._bullets()

    def _bullets(self) -> "RichTable":
        from rich.table import Table as RichTable
        from rich.text import Text

        bullets = RichTable.grid(padding=(0, 1))
        for note in self.notes:
            bullets.add_row("-", Text(printable(note)))
        return bullets

    def _grid(self, gap: int) -> "RichTable":
        """The table itself, its columns one or two characters apart."""
        from rich import box
        from rich.table import Table as RichTable
        from rich.text import Text

        marked = any(row.tone != "plain" for row in self.rows)
        padding = (0, gap - 1, 0, 0)
        grid = RichTable(box=box.SIMPLE_HEAD, padding=padding, pad_edge=False, show_edge=False)
        if marked:
            grid.add_column("", no_wrap=True, width=1)
        for column in self.columns:
            grid.add_column(Text(printable(column.name)), justify=column.align, overflow="fold")
        for row in self.rows:
            mark = [Text(_MARKS[row.tone])] if marked else []
            cells = [Text(printable(cell)) for cell in row.cells]
            grid.add_row(*mark, *cells, style=_STYLES[row.tone])
        return grid

    def without_notes(self) -> "Table":
        """The same table alone, for a page that shows notes and verdict elsewhere."""
        return replace(self, notes=(), verdict=None)

    def to_text(self, width: int = 80) -> str:
        """The table as plain text without colour, at most `width` columns wide."""
        from rich.console import Console

        console = Console(
            file=StringIO(),
            width=width,
            height=1000,
            color_system=None,
            force_terminal=False,
            force_jupyter=False,
            legacy_windows=False,
        )
        with console.capture() as capture:
            console.print(self)
        return "\n".join(line.rstrip() for line in capture.get().rstrip().split("\n"))

    def to_html(self) -> str:
        """The table as an HTML fragment, every text escaped."""
        head = "".join(map(_heading, self.columns))
        body = "\n".join(map(self._html_row, self.rows))
        items = "".join(f"<li>{escaped(note)}</li>\n" for note in self.notes)
        notes = f"<ul>\n{items}</ul>\n" if self.notes else ""
        first = "" if self.verdict is None else f"{_verdict_html(self.verdict)}\n"
        return (
            f'{first}<div class="normdrop-table"><table>\n'
            f"<caption>{escaped(self.title)}</caption>\n"
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>\n{notes}</div>"
        )

    def to_markdown(self) -> str:
        r"""The table alone as Markdown, every text escaped.

        >>> columns = Column("a|b"), Column("n", "right")
        >>> print(Table("", columns, (Row(("_x_", "1"), "good"),)).to_markdown())
        | a\|b | n |
        |---|--:|
        | * \_x\_ | 1 |
        """
        rules = ("--:" if column.align == "right" else "---" for column in self.columns)
        lines = [
            "| " + " | ".join(in_markdown(column.name) for column in self.columns) + " |",
            "|" + "|".join(rules) + "|",
        ]
        for row in self.rows:
            mark = f"{_MARKS[row.tone]} " if row.tone != "plain" else ""
            lines.append(f"| {mark}" + " | ".join(map(in_markdown, row.cells)) + " |")
        return "\n".join(lines)

    def _html_row(self, row: Row) -> str:
        mark = f"{_MARKS[row.tone]} " if row.tone != "plain" else ""
        marks = (mark, *([""] * (len(row.cells) - 1)))
        cells = "".join(
            f'<td style="text-align:{column.align}">{before}{escaped(cell)}</td>'
            for column, cell, before in zip(self.columns, row.cells, marks, strict=True)
        )
        return f'<tr class="{row.tone}">{cells}</tr>'

    def _repr_html_(self) -> str:
        """How a notebook shows the table."""
        return self.to_html()


class ShownAsTables:
    """What shows itself as one table or several: printed by rich, as text and in a notebook.

    Attributes:
        text_width: The columns of its text.
    """

    text_width: ClassVar[int] = 80

    def to_table(self) -> Table:
        """The table."""
        raise NotImplementedError

    def _tables(self) -> Iterator[Table]:
        """All tables, in order."""
        yield self.to_table()

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        """Draw the tables, an empty line between them."""
        for number, table in enumerate(self._tables()):
            if number:
                yield ""
            yield table

    def __str__(self) -> str:
        """The tables as plain text."""
        return "\n".join(table.to_text(self.text_width) for table in self._tables())

    def _repr_html_(self) -> str:
        """How a notebook shows them."""
        return "".join(table.to_html() for table in self._tables())


def _verdict_html(verdict: Headline) -> str:
    mark = f'<span style="color:{_INKS[verdict.level]}">{MARKS[verdict.level]}</span>'
    words = str(verdict).removeprefix(MARKS[verdict.level])
    return f'<p class="verdict {verdict.level}"><strong>{mark}{escaped(words)}</strong></p>'


def _heading(column: Column) -> str:
    tooltip = f' title="{escaped(column.meaning)}"' if column.meaning else ""
    return f'<th scope="col" style="text-align:{column.align}"{tooltip}>{escaped(column.name)}</th>'


def in_markdown(text: str) -> str:
    """The text as Markdown shows it literally, on one line."""
    line = " ".join(printable(text).split())
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", line)


def escaped(text: str) -> str:
    """The text as HTML shows it literally, in an element or an attribute."""
    return html.escape(printable(text), quote=True)
