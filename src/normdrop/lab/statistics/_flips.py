"""The sign flips of seeds: all of them while they can be listed, a random sample beyond."""

import numpy as np
from numpy.typing import NDArray

# 2¹⁵ flips of 16 seeds are listed in a few milliseconds for each pair of variants.
EXACT_SEEDS = 16
RANDOM_FLIPS = 99_999


def sign_flips(seeds: int, generator: np.random.Generator | None = None) -> NDArray[np.float64]:
    """Sign vectors of shape (flips, seeds), each entry +1 or −1; the first is all +1.

    A statistic that is blind to a common sign takes each value twice over the whole group, so the
    first seed keeps its sign: 2^(seeds − 1) flips stand for all. A p-value is the share of rows
    whose statistic reaches the first row's. Beyond `EXACT_SEEDS` seeds the first row is followed by
    `RANDOM_FLIPS` random ones, and the same share is (1 + count) / (1 + draws), which keeps the
    test's level (Phipson and Smyth 2010, "Permutation P-values should never be zero").

    Args:
        seeds: How many seeds there are.
        generator: Draws the random flips; by default a fresh one with seed 0, so that the same
            losses always give the same p-value.

    Example:
        >>> sign_flips(3)
        array([[ 1.,  1.,  1.],
               [ 1., -1.,  1.],
               [ 1.,  1., -1.],
               [ 1., -1., -1.]])
    """
    if seeds <= EXACT_SEEDS:
        flips = 1.0 - 2.0 * binary_digits(np.arange(2 ** max(0, seeds - 1)), max(0, seeds - 1))
        return np.hstack([np.ones((len(flips), min(1, seeds))), flips])
    generator = generator or np.random.default_rng(0)
    draws = generator.integers(0, 2, size=(RANDOM_FLIPS, seeds)).astype(np.float64)
    return np.vstack([np.ones(seeds), 1.0 - 2.0 * draws])


def binary_digits(numbers: NDArray[np.int64], digits: int) -> NDArray[np.float64]:
    """The lowest binary digits of each number, lowest first, shape (numbers, digits)."""
    return ((numbers[:, None] >> np.arange(digits)) & 1).astype(np.float64)
