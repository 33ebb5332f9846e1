"""A table looks right in a terminal and is safe in HTML, whatever its cells hold."""

from html.parser import HTMLParser
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from normdrop.values.display import Column, Row, Table, escaped
from normdrop.values.text import printable

HOSTILE = "<script>alert('x')</script>[bold]\x1b[31m&\""


def table(cell: str = "conv-bn-act", *, note: str = "Lower is better.") -> Table:
    """A small table with one cell, title, heading and note to play with."""
    return Table(
        title=f"Losses {cell}",
        columns=(Column("order"), Column("loss", "right", meaning="test loss")),
        rows=(Row((cell, "0.041"), "good"), Row(("b", "0.052"), "bad"), Row(("c", "0.06"))),
        notes=(note,),
    )


class _Elements(HTMLParser):
    """Collect the elements and the text of a fragment."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag's name."""
        del attrs
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.text += data


def test_tone_is_a_mark_and_not_only_a_colour() -> None:
    """Without colour a good row still shows its star and a bad row its exclamation mark."""
    lines = table().to_text().splitlines()
    assert next(line for line in lines if "0.041" in line).startswith("*  conv-bn-act")
    assert next(line for line in lines if "0.052" in line).startswith("!  b")
    assert next(line for line in lines if "0.06" in line).startswith("   c")
    assert "\x1b" not in table().to_text()


def test_colour_where_the_terminal_has_it() -> None:
    """A colour terminal gets escape sequences, and one with NO_COLOR does not get colours."""
    for no_color, expected in ((False, True), (True, False)):
        out = StringIO()
        Console(file=out, force_terminal=True, no_color=no_color, width=80).print(table())
        assert ("\x1b[32m" in out.getvalue()) is expected


@given(st.text(max_size=60), st.integers(20, 100))
def test_text_keeps_within_its_width(cell: str, width: int) -> None:
    """Whatever a cell holds, no line is wider than asked for and no control character survives."""
    text = table(cell).to_text(width)
    assert "\x1b" not in text
    console = Console(width=width)
    assert all(
        console.measure(line, options=console.options.update(width=1000)).maximum <= width
        for line in text.split("\n")
    )


def test_columns_move_together_before_a_word_breaks() -> None:
    """Where two spaces between columns do not fit, one is used and every cell stays whole."""
    wide = Table("t", (Column("a"), Column("b"), Column("c")), (Row(("aaaa", "bbbb", "cccc")),))
    assert "aaaa  bbbb  cccc" in wide.to_text(16)
    assert "aaaa bbbb cccc" in wide.to_text(15)
    assert "aaaa bbbb cccc" in wide.to_text(14)
    assert "cccc" not in wide.to_text(13)


def test_hostile_text_does_nothing() -> None:
    """Markup, HTML and terminal sequences in a cell, title or note are shown and never act."""
    hostile = table(HOSTILE, note=HOSTILE)
    assert "[bold]" in hostile.to_text()
    assert "\x1b" not in hostile.to_text()
    parsed = _Elements()
    parsed.feed(hostile.to_html())
    assert "script" not in parsed.tags
    assert parsed.text.count(printable(HOSTILE)) == 3


def test_notebooks_get_the_same_fragment() -> None:
    """A notebook's HTML is the fragment, with one header cell for each column."""
    parsed = _Elements()
    parsed.feed(table()._repr_html_())
    assert parsed.tags.count("th") == 2
    assert parsed.tags.count("td") == 6


def test_row_of_another_length_is_refused() -> None:
    """A row with too few cells is named when the table is made."""
    with pytest.raises(ValueError, match=r"row 0 has 1 cells for 2 columns: \('a',\)"):
        Table("t", (Column("a"), Column("b")), (Row(("a",)),))


def test_escaped_is_safe_in_an_attribute() -> None:
    """Quotes are escaped too, so that text may stand in an attribute."""
    assert escaped('"a" <b>') == "&quot;a&quot; &lt;b&gt;"
