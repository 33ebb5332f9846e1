"""What the formulas accept and return: floats and arrays alike."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from normdrop.errors import NormdropError

Array: TypeAlias = npt.NDArray[np.float64]
Values: TypeAlias = float | Array


class RealArray(Protocol):
    """Anything with real numbers in it that numpy makes an array of: also a tensor of torch's."""

    def __array__(self) -> npt.NDArray[np.floating[Any] | np.integer[Any] | np.bool_]:
        """The numbers."""


# numpy's own `ArrayLike` takes text and complex numbers as well, of which no formula here knows.
_Row: TypeAlias = Sequence[float | RealArray]
Numbers: TypeAlias = float | RealArray | _Row | Sequence[_Row] | Sequence[Sequence[_Row]]


class Moments(NamedTuple):
    """Mean and (biased) variance of a quantity, each a float or an array."""

    mean: Values
    variance: Values


class TheoryError(NormdropError, ValueError):
    """An argument lies outside the range in which a formula means anything."""


def plain(values: Numbers) -> Values:
    """A float for a scalar result, an array of floats otherwise."""
    array = np.asarray(values, dtype=np.float64)
    return float(array) if array.ndim == 0 else array


def in_range(
    name: str, values: Numbers, low: float, high: float = np.inf, *, below: bool = False
) -> Array:
    """`values` as an array, or an error that names the argument and its range.

    `below` excludes the upper end: a dropout rate of 1 leaves nothing to rescale.
    """
    array = np.asarray(values, dtype=np.float64)
    fits = (array >= low) & ((array < high) if below else (array <= high))
    if not np.all(fits):
        culprit = float(array[~fits].flat[0]) if array.ndim else float(array)
        upper = "below" if below else "at most"
        limit = "" if np.isinf(high) else f" and {upper} {high:g}"
        raise TheoryError(f"{name} must be at least {low:g}{limit}, not {culprit:g}")
    return array
