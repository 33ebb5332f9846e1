"""Moments of a function of a Gaussian, by quadrature that respects kinks."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from normdrop.theory._values import Array, Moments, Numbers, finite, in_range, plain, real
from normdrop.values.operations.erf import error_function

_TAIL = 9.0  # beyond 9 standard deviations a Gaussian keeps 2e-19 of its mass
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)
# Panels end at whole standard deviations, and crowd geometrically around every kink, so that a bend
# far narrower than the Gaussian is still resolved.
_FIXED = np.arange(-_TAIL, _TAIL + 1)
_REACH = 2.0 ** np.arange(-1, 6)
_CROWD = np.concatenate([-_REACH[::-1], [0.0], _REACH])


def gaussian_density(values: Numbers) -> Array:
    """Density of the standard Gaussian: exp(−x²/2) / √(2π).

    Example:
        >>> gaussian_density([0.0]).round(6)
        array([0.398942])
    """
    array = real("values", values)
    return np.asarray(np.exp(-(array**2) / 2) / math.sqrt(2 * math.pi))


def gaussian_cumulative(values: Numbers) -> Array:
    """Distribution function Φ of the standard Gaussian.

    Example:
        >>> gaussian_cumulative([0.0, 1.0]).round(6)
        array([0.5     , 0.841345])
    """
    return np.asarray((1 + error_function(real("values", values) / math.sqrt(2))) / 2)


def gaussian_moments(
    function: Callable[[Array], Array],
    mean: Numbers = 0.0,
    variance: Numbers = 1.0,
    *,
    kinks: Sequence[float] = (0.0,),
) -> Moments:
    """Mean and variance of `function(x)`, x ~ N(mean, variance).

    Gauss–Legendre quadrature on panels between the kinks, 12 points each: Gauss–Hermite quadrature
    needs thousands of points to see a kink that panels resolve exactly.

    Args:
        function: Any function of an array, applied elementwise.
        mean: Mean of the input.
        variance: Variance of the input, at least 0.
        kinks: Where the function bends sharply; others are resolved to about a standard deviation.

    Returns:
        Mean and variance of the output, in the broadcast shape of `mean` and `variance`.

    Raises:
        TheoryError: If a variance is negative.

    Example:
        >>> moments = gaussian_moments(lambda x: x**2, mean=0.0, variance=1.0)
        >>> round(moments.mean, 9), round(moments.variance, 9)
        (1.0, 2.0)
    """
    centre, spread = np.broadcast_arrays(
        finite("mean", mean), np.sqrt(in_range("variance", variance, 0))
    )
    points, weights = _panels(centre, spread, finite("kinks", kinks))
    values = np.asarray(function(centre[..., None] + spread[..., None] * points))
    first = (weights * values).sum(axis=-1)
    second = (weights * (values - first[..., None]) ** 2).sum(axis=-1)
    return Moments(plain(first), plain(second))


def _panels(centre: Array, spread: Array, kinks: Array) -> tuple[Array, Array]:
    """Standardised nodes and weights, shape (..., nodes), one set per Gaussian."""
    crowd = (kinks[:, None] + _CROWD).reshape(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        edges = (crowd - centre[..., None]) / spread[..., None]
    edges = np.clip(np.nan_to_num(edges, nan=0.0), -_TAIL, _TAIL)
    fixed = np.broadcast_to(_FIXED, (*centre.shape, _FIXED.size))
    edges = np.sort(np.concatenate([fixed, edges], axis=-1), axis=-1)
    half = np.diff(edges, axis=-1)[..., None] / 2
    points = (edges[..., :-1, None] + half + half * _NODES).reshape(*centre.shape, -1)
    weights = (half * _WEIGHTS).reshape(*centre.shape, -1) * gaussian_density(points)
    return points, weights
