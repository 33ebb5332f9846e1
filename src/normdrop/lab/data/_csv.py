"""Tables of numbers as comma- or semicolon-separated text with a header line."""

import csv
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from normdrop.errors import DataError
from normdrop.lab.data._dataset import Split, distinct
from normdrop.lab.data._files import Part

_TEST_EVERY = 5  # the tables are published without a split
_LARGEST = float(np.finfo(np.float32).max)


def table(part: Part, columns: Sequence[str], delimiter: str) -> NDArray[np.float64]:
    """The numbers of a table with exactly these columns; shape (rows, columns).

    Raises:
        DataError: The text is not UTF-8, the header differs, a row has the wrong length, or a
            cell is not a finite number; the error names the line.
    """
    try:
        text = part.content.decode("utf-8-sig")
        lines = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{part.where}: expected a table as UTF-8 text, found: {error}") from error
    header = tuple(lines[0]) if lines else ()
    if header != tuple(columns):
        raise DataError(
            f"{part.where}: expected the columns {delimiter.join(columns)!r}, "
            f"found {_short(delimiter.join(header))}"
        )
    rows = [
        _numbers(cells, columns, f"{part.where}, row {number}")
        for number, cells in enumerate(lines[1:], start=1)
    ]
    if not rows:
        raise DataError(f"{part.where}: expected rows below the header, found none")
    return np.array(rows, dtype=np.float64)


def regression(rows: NDArray[np.float64]) -> tuple[Split, Split]:
    """Every fifth distinct row of features to test on, the rest to train on; last column: target.

    Rows with equal features go to the same side, so that no test row has been trained on.
    """
    features = rows[:, :-1].astype(np.float32)
    targets = rows[:, -1].astype(np.float32)
    test = distinct(features) % _TEST_EVERY == _TEST_EVERY - 1
    return Split(features[~test], targets[~test]), Split(features[test], targets[test])


def _numbers(cells: Sequence[str], columns: Sequence[str], where: str) -> list[float]:
    if len(cells) != len(columns):
        raise DataError(f"{where}: expected {len(columns)} cells, found {len(cells)}")
    numbers = []
    for cell, column in zip(cells, columns, strict=True):
        try:
            number = float(cell)
        except ValueError:
            number = math.nan
        # Values beyond float32 would become infinite in the arrays.
        if not abs(number) <= _LARGEST:
            raise DataError(
                f"{where}: expected a finite number in column {column!r}, found {_short(cell)}"
            )
        numbers.append(number)
    return numbers


def _short(text: str, length: int = 60) -> str:
    return repr(text if len(text) <= length else text[: length - 1] + "…")
