"""The distribution of one unit as weighted points, each a function of one Gaussian score."""

from dataclasses import dataclass

import numpy as np

from normdrop.theory import Array, gaussian_cumulative, gaussian_density

from ._window import Window

_SCORES = np.linspace(-4.5, 4.5, 65)
_MASS = gaussian_density(_SCORES) / gaussian_density(_SCORES).sum()
_SCORES = _SCORES / np.sqrt((_MASS * _SCORES**2).sum())
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

    @property
    def mean(self) -> Array:
        """Mean, shape (scenarios, channels)."""
        return np.asarray((self.values * self.weights).sum(axis=-1), dtype=np.float64)

    @property
    def variance(self) -> Array:
        """Variance, shape (scenarios, channels)."""
        centred = self.values - self.mean[..., None]
        return np.asarray((centred**2 * self.weights).sum(axis=-1))

    def cumulants(self) -> tuple[Array, Array]:
        """Third and fourth cumulant, shape (scenarios, channels)."""
        centred = self.values - self.mean[..., None]
        fourth = (centred**4 * self.weights).sum(axis=-1) - 3 * self.variance**2
        return np.asarray((centred**3 * self.weights).sum(axis=-1)), np.asarray(fourth)

    def moved(self, values: Array) -> "Atoms":
        """The same points elsewhere."""
        return Atoms(values, self.weights, self.scores, self.window, self.shared)

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
            squares.append((weighted * (following * alive)).sum(axis=-1) ** 2 / kept)
        terms = np.stack([square.sum(axis=-1) for square in squares])
        tail = self._smooth_tail(terms, kept)

        def covariance(correlation: Array) -> Array:
            power, total = np.ones_like(correlation), np.zeros_like(correlation)
            for term in terms:
                total = total + term[:, None] * power
                power = power * correlation
            return total + tail[:, None] * power

        return self.window.covariance(covariance, self.variance.sum(axis=-1))

    def _smooth_tail(self, terms: Array, kept: Array) -> Array:
        """What the score explains beyond the last Hermite term, summed over channels."""
        alive = ~np.isnan(self.scores)
        weights = np.broadcast_to(self.weights * alive, self.values.shape)
        mass = np.maximum(weights.sum(axis=-1), 1e-12)
        inner = (weights * self.values).sum(axis=-1)
        explained = (weights * self.values**2).sum(axis=-1) * mass - inner**2
        rest = (explained / kept).sum(axis=-1) - terms[1:].sum(axis=0)
        return np.asarray(np.maximum(rest, 0.0))


def gaussian_atoms(mean: Array, variance: Array, window: Window) -> Atoms:
    """A Gaussian as 65 equally spaced points, its mean and variance kept exactly."""
    spread = np.sqrt(variance)[..., None]
    return Atoms(
        mean[..., None] + spread * _SCORES,
        _MASS[None, None],
        _SCORES[None, None],
        window,
        np.zeros(_SCORES.size, dtype=bool),
    )


def skewed_atoms(
    mean: Array, variance: Array, third: Array, fourth: Array, window: Window
) -> Atoms:
    """A distribution close to Gaussian, by its first four cumulants (Cornish & Fisher 1938)."""
    spread = np.sqrt(np.maximum(variance, 1e-30))
    skew = np.clip(third / spread**3, -1.5, 1.5)[..., None]
    excess = np.clip(fourth / spread**4, 0.0, 3.0)[..., None]
    z = _SCORES
    bent = z + skew * (z**2 - 1) / 6 + excess * (z**3 - 3 * z) / 24
    bent = bent - skew**2 * (2 * z**3 - 5 * z) / 36
    bent = bent - (bent * _MASS).sum(axis=-1, keepdims=True)
    bent = bent / np.sqrt((bent**2 * _MASS).sum(axis=-1, keepdims=True))
    return gaussian_atoms(mean, variance, window).moved(mean[..., None] + spread[..., None] * bent)


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
    side is first thinned to a few points, fewer where there are many channels.

    Args:
        left: One unit of the first tensor.
        right: One unit of the second, independent of it.
        window: Correlation of the sum between positions.
    """
    units = int(np.prod(left.values.shape[:2]))
    most = int(np.clip(np.sqrt(_SUM_BUDGET / units), 5, _THIN))
    a, b = _thinned(left, most), _thinned(right, most)
    size = (*left.values.shape[:2], most * most)
    values = (a[0][..., :, None] + b[0][..., None, :]).reshape(size)
    weights = (a[1][..., :, None] * b[1][..., None, :]).reshape(size)
    order = np.argsort(values, axis=-1)
    values = np.take_along_axis(values, order, axis=-1)
    weights = np.take_along_axis(weights, order, axis=-1)
    middle = np.cumsum(weights, axis=-1) - weights / 2
    scores = np.interp(middle, _PROBABILITIES, _FINE)
    return Atoms(values, weights, scores, window, np.zeros(most * most, dtype=bool))


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
    points = np.divide(sums, mass, out=np.zeros_like(sums), where=mass > 0)
    mass, points = mass.reshape(*shape[:2], most), points.reshape(*shape[:2], most)
    mean = atoms.mean[..., None]
    left = (mass * (points - mean) ** 2).sum(axis=-1, keepdims=True)
    stretch = np.sqrt(atoms.variance[..., None] / np.maximum(left, 1e-30))
    return mean + np.where(left > 0, stretch, 1.0) * (points - mean), mass


_THIN, _SUM_BUDGET = 17, 200_000
_FINE = np.linspace(-6.0, 6.0, 481)
_PROBABILITIES = gaussian_cumulative(_FINE)
_SHARED = np.linspace(-4.5, 4.5, 37)
_SHARED_MASS = gaussian_density(_SHARED) / gaussian_density(_SHARED).sum()


def _maximum_table(size: int, correlation: Array) -> Array:
    """Probability that no score of a window exceeds each point of the fine grid."""
    own = np.sqrt(1 - correlation)[:, None, None]
    shared = np.sqrt(correlation)[:, None, None] * _SHARED
    given = gaussian_cumulative((_FINE[None, :, None] - shared) / own) ** size
    return np.asarray((given * _SHARED_MASS).sum(axis=-1))
