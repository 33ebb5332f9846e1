"""The table reader against tables written by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normdrop.errors import DataError
from normdrop.lab.data._csv import regression, table
from normdrop.lab.data._dataset import distinct
from normdrop.lab.data._files import Part

COLUMNS = ("a", "b")


def part(content: bytes) -> Part:
    """A file's content as if it had been read."""
    return Part("somewhere", bytearray(content))


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        (b'"a";"b"\n1;2.5\n-3e2;4\n', ";"),
        (b"a,b\r\n1,2.5\r\n-3e2,4", ","),
        (b"\xef\xbb\xbfa,b\n\n1,2.5\n-3e2,4\n\n", ","),
    ],
)
def test_numbers(content: bytes, delimiter: str) -> None:
    """Either delimiter, either line ending, a byte order mark and blank lines."""
    assert table(part(content), COLUMNS, delimiter).tolist() == [[1, 2.5], [-300, 4]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected the columns 'a,b', found ''"),
        (b"a;b\n1;2\n", "found 'a;b'"),
        (b"a,b\n", "expected rows below the header"),
        (b"a,b\n1,2\n3\n", "row 2: expected 2 cells, found 1"),
        (b"a,b\n1,two\n", "row 1: expected a finite number in column 'b', found 'two'"),
        (b"a,b\n1,nan\n", "found 'nan'"),
        (b"a,b\n1,-inf\n", "found '-inf'"),
        (b"a,b\n1,1e39\n", "found '1e39'"),
        (b"a,b\n1,\n", "found ''"),
        (b"a,b\n1,\xff\n", "expected a table as UTF-8 text"),
        (b"a,b\n1," + b"x" * 200_000 + b"\n", "field larger than field limit"),
        (b"\x1f\x8b\x08", "expected a table as UTF-8 text"),
    ],
)
def test_broken_tables(content: bytes, said: str) -> None:
    """The error names the row, the column and the cell, and stays short."""
    with pytest.raises(DataError, match=said) as caught:
        table(part(content), COLUMNS, ",")
    assert "somewhere" in str(caught.value)
    assert len(str(caught.value)) < 200


@given(st.binary(max_size=60))
def test_any_bytes(content: bytes) -> None:
    """Whatever follows a valid header is finite numbers or an error in words."""
    try:
        rows = table(part(b"a,b\n" + content), COLUMNS, ",")
    except DataError:
        return
    assert rows.shape[1] == 2
    assert np.isfinite(rows).all()


def test_equal_rows_stay_together() -> None:
    """Rows with equal features are never split between train and test."""
    generator = np.random.default_rng(3)
    rows = generator.integers(0, 4, size=(500, 4)).astype(float)
    train, test = regression(rows)
    assert len(train) + len(test) == 500
    seen = {tuple(row) for row in train.inputs}
    held_out = {tuple(row) for row in test.inputs}
    assert not seen & held_out
    assert len(held_out) == len(seen | held_out) // 5


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1))
def test_distinct_counts_first_appearances(rows: list[tuple[int, int]]) -> None:
    """The number of a row is that of its first equal, counted without repeats."""
    order = list(dict.fromkeys(rows))
    assert distinct(np.array(rows)).tolist() == [order.index(row) for row in rows]
