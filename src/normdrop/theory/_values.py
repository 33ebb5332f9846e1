"""What the formulas accept and return: floats and arrays alike."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, Self, TypeAlias

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


class TheoryError(NormdropError, ValueError):
    """An argument lies outside the range in which a formula means anything."""


class _MeanAndVariance(NamedTuple):
    mean: Values
    variance: Values


class Moments(_MeanAndVariance):
    """Mean and (biased) variance of a quantity, each a float or an array.

    Raises:
        TheoryError: If a variance is negative; what is unknown may be `nan`.

    Example:
        >>> Moments(1.0, 0.25)
        Moments(mean=1.0, variance=0.25)
    """

    __slots__ = ()

    def __new__(cls, mean: Values, variance: Values) -> Self:
        """A mean and a variance that some quantity has."""
        spread = real("variance", variance)
        if np.any(spread < 0):
            raise TheoryError(f"variance must be at least 0, not {float(spread[spread < 0][0]):g}")
        return super().__new__(cls, mean, variance)


# Of the lowest correlation, −1 / (k − 1), times k − 1.
_ROUNDING = 1e-15


def plain(values: Numbers) -> Values:
    """A float for a scalar result, an array of floats otherwise."""
    array = np.asarray(values, dtype=np.float64)
    return float(array) if array.ndim == 0 else array


def real(name: str, values: Numbers) -> Array:
    """`values` as an array, or an error that names the argument."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TheoryError(f"{name} must be a number or an array of numbers: {error}") from error


def finite(name: str, values: Numbers) -> Array:
    """`values` as an array, or an error that names the argument: no distribution has such a one."""
    array = real(name, values)
    if not np.isfinite(array).all():
        culprit = float(array[~np.isfinite(array)][0])
        raise TheoryError(f"{name} must be finite, not {culprit:g}")
    return array


def whole(name: str, value: int) -> int:
    """A number of things, or an error that names the argument."""
    if not (value >= 1 and float(value).is_integer()):
        raise TheoryError(f"{name} must be a whole number of at least 1, not {value}")
    return int(value)


def in_range(
    name: str, values: Numbers, low: float, high: float = np.inf, *, below: bool = False
) -> Array:
    """`values` as an array, or an error that names the argument and its range.

    `below` excludes the upper end: a dropout rate of 1 leaves nothing to rescale.
    """
    array = real(name, values)
    fits = np.isfinite(array) & (array >= low) & ((array < high) if below else (array <= high))
    if not np.all(fits):
        culprit = float(array[~fits].flat[0]) if array.ndim else float(array)
        upper = "below" if below else "at most"
        limit = " and finite" if np.isinf(high) else f" and {upper} {high:g}"
        raise TheoryError(f"{name} must be at least {low:g}{limit}, not {culprit:g}")
    return array


def gathered(correlation: Numbers, count: Array) -> Array:
    """1 + (k − 1) ρ: the variance of a sum of k values against that of k independent ones.

    No k values are more contrary to each other than those whose sum is constant, so ρ is at least
    −1 / (k − 1).

    Raises:
        TheoryError: If a correlation is out of [−1, 1], or such that no values have it.
    """
    pairs = in_range("correlation", correlation, -1, 1)
    total = 1 + (count - 1) * pairs
    wrong = total < -_ROUNDING * count
    if np.any(wrong):
        culprit, size = (float(each[wrong][0]) for each in np.broadcast_arrays(pairs, count))
        raise TheoryError(
            f"correlation must be at least {-1 / (size - 1):.4g} for {size:g} values, not "
            f"{culprit:g}: no more than that can all be contrary to each other"
        )
    return np.maximum(total, 0.0)
