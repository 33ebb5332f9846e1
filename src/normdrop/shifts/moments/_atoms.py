"""The distribution of one unit as weighted points, each a function of one Gaussian score."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from normdrop.shifts.moments._window import Window, grown
from normdrop.theory import Array, gaussian_cumulative, gaussian_density

MANY_CHANNELS = 128
"""Layers with more channels are followed with fewer points each: there errors average out."""


def _grid(count: int) -> tuple[Array, Array]:
    """Equally spaced scores of mean 0 and variance 1, and their probabilities."""
    scores = np.linspace(-4.5, 4.5, count)
    mass = gaussian_density(scores) / gaussian_density(scores).sum()
    return scores / np.sqrt((mass * scores**2).sum()), mass


_FEW, _MORE = _grid(29), _grid(65)
_ENOUGH = 64  # channels whose correlations stand for all
_ORDER = 8  # Hermite terms of a correlation; the rest counts as one more


@dataclass(frozen=True)
class Atoms:
    """Weighted points per scenario and channel.

    Every point but the spikes is a function of a standard Gaussian score that units at different
    positions share with the correlation `window`. A spike is where noise has put its units,
    whatever the score was.

    Attributes:
        values: The points, shape (scenarios, channels, points).
        weights: Their probabilities, broadcastable to `values`.
        scores: The score behind each point, broadcastable to `values`; nan for a spike.
        window: Correlation of the scores between positions.
        shared: Whether a spike holds a whole map at once, shape (points,).
    """

    values: Array
    weights: Array
    scores: Array
    window: Window
    shared: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

    @cached_property
    def mean(self) -> Array:
        """Mean, shape (scenarios, channels)."""
        return np.stack([_averaged(*row) for row in self._rows()])

    @cached_property
    def variance(self) -> Array:
        """Variance, shape (scenarios, channels)."""
        found = [_averaged(c * c, weights) for c, weights in self._deviations()]
        return np.stack(found)

    def _rows(self) -> Iterator[tuple[Array, Array]]:
        """Values and weights of one scenario after the other."""
        last = len(self.weights) - 1
        return ((row, self.weights[min(i, last)]) for i, row in enumerate(self.values))

    def _deviations(self) -> Iterator[tuple[Array, Array]]:
        """Deviations and weights, one scenario at a time: their powers then stay in the cache."""
        for mean, (values, weights) in zip(self.mean, self._rows(), strict=True):
            yield values - mean[:, None], weights

    def cumulants(self) -> tuple[Array, Array]:
        """Third and fourth cumulant, shape (scenarios, channels)."""
        third, fourth = [], []
        for centred, weights in self._deviations():
            square = centred * centred
            third.append(_averaged(square * centred, weights))
            fourth.append(_averaged(square * square, weights))
        return np.stack(third), np.stack(fourth) - 3 * self.variance**2

    def moved(self, values: Array) -> "Atoms":
        """The same points elsewhere."""
        return Atoms(values, self.weights, self.scores, self.window, self.shared)

    def grown(self, scenarios: int) -> "Atoms":
        """The same with as many scenarios, the first pair repeated."""
        values, weights, scores = (
            grown(array, scenarios) for array in (self.values, self.weights, self.scores)
        )
        return Atoms(values, weights, scores, self.window.grown(scenarios), self.shared)

    def alive(self) -> "Atoms":
        """What a unit is while no mask holds its whole map."""
        if not self.shared.any():
            return self
        weights = np.broadcast_to(self.weights, self.values.shape)
        lost = (weights * self.shared).sum(axis=-1, keepdims=True)
        columns = ~self.shared
        return Atoms(
            self.values[..., columns],
            weights[..., columns] / np.maximum(1 - lost, 1e-12),
            np.broadcast_to(self.scores, self.values.shape)[..., columns],
            self.window,
            self.shared[columns],
        )

    def with_shared(self, live: "Atoms") -> "Atoms":
        """`live` in place of what this distribution is while no mask holds a whole map."""
        if not self.shared.any():
            return live
        weights = np.broadcast_to(self.weights, self.values.shape)[..., self.shared]
        spikes = self.values[..., self.shared]
        lost = weights.sum(axis=-1, keepdims=True)
        return Atoms(
            np.concatenate([live.values, spikes], axis=-1),
            np.concatenate([live.weights * (1 - lost), weights], axis=-1),
            np.concatenate([live.scores, np.full_like(spikes, np.nan)], axis=-1),
            live.window,
            np.concatenate([live.shared, self.shared[self.shared]]),
        )

    def correlation(self) -> Window:
        """Correlation of the values between positions, averaged over channels by variance.

        Hermite coefficients a_n of the values as functions of the score give the covariance
        Σ a_n² ρⁿ; where a mask is shared by a whole map, its two states are averaged afterwards.
        """
        if self.values.shape[1] > _ENOUGH:
            return self._sampled().correlation()
        alive = ~np.isnan(self.scores)
        score = np.where(alive, self.scores, 0.0)
        weights = np.broadcast_to(self.weights, self.values.shape)
        lost = (weights * self.shared).sum(axis=-1)
        kept = np.where(lost < 1, 1 - lost, 1.0)
        spikes = (weights * self.shared * self.values**2).sum(axis=-1)
        weighted = self.values * weights * ~self.shared
        level = weighted.sum(axis=-1)
        squares = [level**2 / kept + spikes - self.mean**2]
        previous, current = np.zeros_like(score), np.ones_like(score)
        for order in range(1, _ORDER + 1):
            following = (score * current - np.sqrt(order - 1) * previous) / np.sqrt(order)
            previous, current = current, following
            squares.append(_projected(weighted, following * alive) ** 2 / kept)
        terms = np.stack([square.sum(axis=-1) for square in squares])
        tail = self._smooth_tail(terms, kept)

        def covariance(correlation: Array) -> Array:
            power, total = np.ones_like(correlation), np.zeros_like(correlation)
            for term in terms:
                total = total + term[:, None] * power
                power = power * correlation
            return total + tail[:, None] * power

        return self.window.covariance(covariance, self.variance.sum(axis=-1))

    def _sampled(self) -> "Atoms":
        """Every so many channels, for what is averaged over them."""
        step = -(-self.values.shape[1] // _ENOUGH)
        values, weights, scores = (
            array[:, ::step] if array.shape[1] > 1 else array
            for array in (self.values, self.weights, self.scores)
        )
        return Atoms(values, weights, scores, self.window, self.shared)

    def _smooth_tail(self, terms: Array, kept: Array) -> Array:
        """What the score explains beyond the last Hermite term, summed over channels."""
        alive = ~np.isnan(self.scores)
        weights = np.broadcast_to(self.weights * alive, self.values.shape)
        mass = np.maximum(weights.sum(axis=-1), 1e-12)
        inner = (weights * self.values).sum(axis=-1)
        explained = (weights * self.values**2).sum(axis=-1) * mass - inner**2
        rest = (explained / kept).sum(axis=-1) - terms[1:].sum(axis=0)
        return np.asarray(np.maximum(rest, 0.0))


def _projected(weighted: Array, function: Array) -> Array:
    """Sum over points of weighted values times a function of the score."""
    if function.shape[:2] == (1, 1):
        return np.asarray(weighted @ function[0, 0])
    return np.asarray((weighted * function).sum(axis=-1))


def _averaged(values: Array, weights: Array) -> Array:
    """Mean over points, of one scenario."""
    if len(weights) == 1:
        return np.asarray(values @ weights[0])
    return np.asarray(np.einsum("cp,cp->c", values, weights))


def _grid_for(channels: int) -> tuple[Array, Array]:
    return _FEW if channels > MANY_CHANNELS else _MORE


def gaussian_atoms(mean: Array, variance: Array, window: Window) -> Atoms:
    """A Gaussian as equally spaced points, its mean and variance kept exactly."""
    scores, mass = _grid_for(mean.shape[1])
    values = np.sqrt(variance)[..., None] * scores
    values += mean[..., None]
    lasting = np.zeros(scores.size, dtype=bool)
    return Atoms(values, mass[None, None], scores[None, None], window, lasting)


def skewed_atoms(
    mean: Array, variance: Array, third: Array, fourth: Array, window: Window
) -> Atoms:
    """A distribution close to Gaussian, by its first four cumulants (Cornish & Fisher 1938)."""
    spread = np.sqrt(np.maximum(variance, 1e-30))
    skew = np.clip(third / spread**3, -1.5, 1.5)[..., None]
    excess = np.clip(fourth / spread**4, 0.0, 3.0)[..., None]
    z, mass = _grid_for(mean.shape[1])
    basis = np.stack([z, (z**2 - 1) / 6, (z**3 - 3 * z) / 24, (5 * z - 2 * z**3) / 36])
    bent = np.empty((*mean.shape, z.size))
    for row in range(len(bent)):  # one scenario at a time stays in the cache
        terms = (np.ones_like(skew[row]), skew[row], excess[row], skew[row] ** 2)
        values = np.concatenate(terms, axis=-1) @ basis
        values -= (values @ mass)[:, None]
        values *= (spread[row] / np.sqrt((values * values) @ mass))[:, None]
        bent[row] = values + mean[row, :, None]
    return Atoms(bent, mass[None, None], z[None, None], window, np.zeros(z.size, dtype=bool))


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
    # At a correlation of 1 nothing would be left of the units' own scores to divide by.
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
