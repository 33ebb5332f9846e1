"""Intervals for a mean over seeds."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from normdrop.lab.statistics._permutation import EXACT_SEEDS, RANDOM_FLIPS, binary_digits

# Five points cannot bear a 95 % statement without assuming a shape; they are shown instead.
FEWEST_SEEDS = 6


class Interval(NamedTuple):
    """Two ends of an interval, the lower first."""

    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the distance between the ends."""
        return (self.high - self.low) / 2


def student_interval(values: NDArray[np.float64], confidence: float = 0.95) -> Interval | None:
    """Student's t interval for the mean of normal values: mean ± t · s / √n.

    Args:
        values: One value per seed, shape (seeds,); NaN where the seed has none.
        confidence: The chance that the interval covers the mean.

    Returns:
        The interval, or None for fewer than 6 values.

    Example:
        >>> student_interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
        Interval(low=1.5366..., high=5.4633...)
    """
    present = values[np.isfinite(values)]
    if len(present) < FEWEST_SEEDS:
        return None
    error = float(present.std(ddof=1)) / math.sqrt(len(present))
    reach = error * float(stats.t.ppf((1 + confidence) / 2, len(present) - 1))
    return Interval(float(present.mean()) - reach, float(present.mean()) + reach)


def sign_flip_interval(
    values: NDArray[np.float64],
    confidence: float = 0.95,
    generator: np.random.Generator | None = None,
) -> Interval | None:
    """All centres that the exact sign-flip test does not reject: no assumption but symmetry.

    A flip of x − θ has a sum as large as the observed one exactly if the values it flips have a
    mean of at most θ. So the interval's ends are order statistics of the means of all non-empty
    subsets of the values, and no search is needed (Hartigan 1969, "Using subsample values as
    typical values"). With 6 values and 95 % they are the smallest and the largest value.

    Args:
        values: One value per seed, shape (seeds,); NaN where the seed has none.
        confidence: The chance, at least, that the interval covers the centre of symmetry.
        generator: Draws subsets where there are more than 16 values; by default with seed 0.

    Returns:
        The interval, or None for fewer than 6 values or too few for the confidence asked for.

    Example:
        >>> sign_flip_interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
        Interval(low=1.0, high=6.0)
    """
    present = values[np.isfinite(values)]
    if len(present) < FEWEST_SEEDS:
        return None
    means = np.sort(subset_means(present, generator))
    outside = flips_outside(len(means), confidence)
    return Interval(float(means[outside - 1]), float(means[-outside])) if outside else None


def flips_outside(subsets: int, confidence: float) -> int:
    """Which of the sorted subset means an interval ends at, counted from 1 at either end; or 0.

    The test counts the flip that changes nothing too, hence one more flip than subsets; the small
    term keeps a product such as 0.025 · 80 from falling below its whole number.
    """
    return math.floor((1 - confidence) / 2 * (subsets + 1) + 1e-9)


def subset_means(
    values: NDArray[np.float64], generator: np.random.Generator | None = None
) -> NDArray[np.float64]:
    """Means of all non-empty subsets, or of random ones where there are too many to list.

    Args:
        values: Shape (..., seeds).
        generator: Draws subsets where there are more than 16 seeds; by default with seed 0.

    Returns:
        Shape (..., subsets).
    """
    seeds = values.shape[-1]
    if seeds <= EXACT_SEEDS:
        members = binary_digits(np.arange(1, 2**seeds), seeds)
    else:
        generator = generator or np.random.default_rng(0)
        draws = generator.integers(0, 2, size=(RANDOM_FLIPS, seeds))
        members = draws[draws.any(axis=1)].astype(np.float64)
    return np.asarray(values @ members.T / members.sum(axis=1))
