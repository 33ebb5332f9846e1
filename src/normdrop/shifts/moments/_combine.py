"""The distribution of the largest of several units, and of the sum of two."""

import numpy as np

from normdrop.shifts.moments._atoms import MANY_CHANNELS, Atoms, skewed_atoms
from normdrop.shifts.moments._window import Window
from normdrop.theory import Array, gaussian_cumulative, gaussian_density

_THIN = 17  # points of each summand
_FINE = np.linspace(-6.0, 6.0, 481)
_PROBABILITIES = gaussian_cumulative(_FINE)
_SHARED = np.linspace(-4.5, 4.5, 37)
_SHARED_MASS = gaussian_density(_SHARED) / gaussian_density(_SHARED).sum()


def maximum(atoms: Atoms, size: int, correlation: Array, window: Window) -> Atoms:
    """The largest of `size` units whose scores have one pairwise correlation.

    Such scores are a shared Gaussian plus independent ones; given the shared one, the distribution
    function of the maximum is that of one unit to the power of `size`.

    Args:
        atoms: One unit.
        size: Units in a pooling window.
        correlation: Their correlation, shape (scenarios,).
        window: Correlation between the maxima of different windows.
    """
    order = np.argsort(atoms.values, axis=-1, kind="stable")
    values = np.take_along_axis(atoms.values, order, axis=-1)
    weights = np.broadcast_to(atoms.weights, atoms.values.shape)
    below = np.cumsum(np.take_along_axis(weights, order, axis=-1), axis=-1)
    table = _maximum_table(size, np.clip(correlation, 0.0, 0.98))
    reached = np.empty_like(below)
    for scenario, row in enumerate(table):
        reached[scenario] = np.interp(below[scenario], _PROBABILITIES, row)
    reached[..., -1] = 1.0
    mass = np.diff(reached, axis=-1, prepend=0.0)
    middle = np.clip(reached - mass / 2, 1e-6, 1 - 1e-6)
    scores = np.interp(middle, _PROBABILITIES, _FINE)
    return Atoms(values, mass, scores, window, np.zeros(values.shape[-1], dtype=bool))


def independent_sum(left: Atoms, right: Atoms, window: Window) -> Atoms:
    """The distribution of a sum: every point of one with every point of the other.

    A trunk to which activations were added stays skewed, and the next activation feels it. Each
    side is first thinned to a few points. Where there are many channels four cumulants must do.

    Args:
        left: One unit of the first tensor.
        right: One unit of the second, independent of it.
        window: Correlation of the sum between positions.
    """
    if left.values.shape[1] > MANY_CHANNELS:
        pairs = zip(left.cumulants(), right.cumulants(), strict=True)
        third, fourth = (a + b for a, b in pairs)
        mean, variance = left.mean + right.mean, left.variance + right.variance
        return skewed_atoms(mean, variance, third, fourth, window)
    a, b = _thinned(left, _THIN), _thinned(right, _THIN)
    size = (*left.values.shape[:2], _THIN**2)
    values = (a[0][..., :, None] + b[0][..., None, :]).reshape(size)
    weights = (a[1][..., :, None] * b[1][..., None, :]).reshape(size)
    order = np.argsort(values, axis=-1)
    values = np.take_along_axis(values, order, axis=-1)
    weights = np.take_along_axis(weights, order, axis=-1)
    middle = np.cumsum(weights, axis=-1) - weights / 2
    scores = np.interp(middle, _PROBABILITIES, _FINE)
    return Atoms(values, weights, scores, window, np.zeros(_THIN**2, dtype=bool))


def _thinned(atoms: Atoms, most: int) -> tuple[Array, Array]:
    """At most so many points per unit, with the mean and the variance kept."""
    order = np.argsort(atoms.values, axis=-1, kind="stable")
    values = np.take_along_axis(atoms.values, order, axis=-1)
    shape = values.shape
    weights = np.take_along_axis(np.broadcast_to(atoms.weights, shape), order, axis=-1)
    middle = np.cumsum(weights, axis=-1) - weights / 2
    edges = gaussian_cumulative(np.linspace(-2.7, 2.7, most - 1))
    units = shape[0] * shape[1]
    cell = np.searchsorted(edges, middle.reshape(units, -1)) + most * np.arange(units)[:, None]
    mass = np.bincount(cell.reshape(-1), weights.reshape(-1), units * most)
    sums = np.bincount(cell.reshape(-1), (weights * values).reshape(-1), units * most)
    mass = mass.reshape(*shape[:2], most)
    points = sums.reshape(mass.shape) / np.where(mass > 0, mass, 1.0)
    mean = atoms.mean[..., None]
    left = (mass * (points - mean) ** 2).sum(axis=-1, keepdims=True)
    stretch = np.sqrt(atoms.variance[..., None] / np.maximum(left, 1e-30))
    return mean + np.where(left > 0, stretch, 1.0) * (points - mean), np.asarray(mass, np.float64)


def _maximum_table(size: int, correlation: Array) -> Array:
    """Probability that no score of a window exceeds each point of the fine grid."""
    own = np.sqrt(1 - correlation)[:, None, None]
    shared = np.sqrt(correlation)[:, None, None] * _SHARED
    given = gaussian_cumulative((_FINE[None, :, None] - shared) / own) ** size
    return np.asarray((given * _SHARED_MASS).sum(axis=-1))
