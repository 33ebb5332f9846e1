"""Sign-flip tests of paired seeds: of one difference, of many, and the seeds they need."""

import numpy as np
from numpy.typing import NDArray

# 2¹⁵ flips of 16 seeds are listed in a few milliseconds for each pair of variants.
EXACT_SEEDS = 16
RANDOM_FLIPS = 99_999

# Statistics lie in [0, √seeds]; two that differ by less than this are taken as equal, so that the
# order of summation does not decide a p-value.
_TIE = 1e-9


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


def sign_flip_test(
    differences: NDArray[np.float64], generator: np.random.Generator | None = None
) -> float:
    """Two-sided p-value of the hypothesis that paired differences are symmetric about zero.

    The share of all sign flips whose mean is as far from zero as the observed one (Fisher 1935,
    "The Design of Experiments", section 21). It is exact whatever the differences' scale and tails,
    where they are symmetric about zero: so are the differences of two variants that do not differ,
    even if their losses are skewed. A zero difference stays what it is in every flip.

    Args:
        differences: One difference per seed, shape (seeds,); NaN where the seed has none.
        generator: Draws flips where there are more than 16 seeds; see `sign_flips`.

    Example:
        >>> sign_flip_test(np.array([0.3, 0.1, 0.2, 0.4, 0.1, 0.2]))
        0.03125
    """
    return float(step_down(differences[None, :], generator)[0])


def step_down(
    differences: NDArray[np.float64], generator: np.random.Generator | None = None
) -> NDArray[np.float64]:
    """P-values of several mean differences, adjusted for asking about all of them.

    One flip turns the signs of a whole seed, in every comparison alike, and each comparison is
    compared with the largest |t| of itself and all comparisons with a smaller |t|. (|Σd| / √Σd² is
    used, which orders flips as |t| does; with plain means one noisy variant would hide every
    difference among the steady ones.) Rejecting where the adjusted p-value is at most α makes
    any false rejection at all with probability at most α, whichever hypotheses are true, if the
    differences of the true ones are jointly symmetric about zero: the flips of a subset do not
    depend on the rest, so its largest statistic is exactly calibrated and the larger set's is
    larger (Romano and Wolf 2005, "Exact and approximate stepdown methods for multiple hypothesis
    testing", section 2). Joint symmetry holds for normal noise of any scales and correlations. For
    variants that are exchangeable but skewed it holds in each pair only; simulated levels stay
    at or below α there too.

    Args:
        differences: Shape (comparisons, seeds), NaN where a comparison lacks the seed.
        generator: Draws flips where there are more than 16 seeds; see `sign_flips`.

    Returns:
        Adjusted p-values, shape (comparisons,).
    """
    present = np.nan_to_num(differences, nan=0.0)
    norms = np.sqrt((present**2).sum(axis=1, keepdims=True))
    scaled = np.divide(present, norms, out=np.zeros_like(present), where=norms > 0)
    flips = sign_flips(differences.shape[1], generator)
    observed = np.abs(scaled.sum(axis=1))
    order = np.argsort(observed)
    largest = np.zeros(len(flips))
    shares = np.ones(len(observed))
    for comparison in order:
        np.maximum(largest, np.abs(flips @ scaled[comparison]), out=largest)
        shares[comparison] = np.mean(largest >= observed[comparison] - _TIE)
    falling = order[::-1]
    adjusted = np.empty_like(shares)
    adjusted[falling] = np.maximum.accumulate(shares[falling])
    return adjusted


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """P-values adjusted by Holm's step-down method; it needs nothing of their dependence.

    The i-th smallest of m is multiplied by m − i + 1, made no smaller than those before it, and at
    most 1 (Holm 1979, "A simple sequentially rejective multiple test procedure").

    Example:
        >>> holm(np.array([0.01, 0.04, 0.03]))
        array([0.03, 0.06, 0.06])
    """
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    return adjusted


def seeds_needed(comparisons: int = 1, level: float = 0.05) -> int:
    """The fewest paired seeds with which an exact sign-flip test can reach a level under Holm.

    A two-sided sign-flip test of n seeds has no p-value below 2^(1 − n), and Holm multiplies the
    smallest of m by m: the smallest n with m · 2^(1 − n) ≤ level. The step-down maximum does not
    multiply: it needs the seeds of one comparison, however many there are.

    Args:
        comparisons: How many comparisons Holm's method adjusts for, 1 or more.
        level: The chance of any false claim, between 0 and 1.

    Example:
        >>> [seeds_needed(m) for m in (1, 2, 3, 4, 6, 7, 12, 45)]
        [6, 7, 7, 8, 8, 9, 9, 11]
    """
    seeds = 1
    while comparisons * 2.0 ** (1 - seeds) > level:
        seeds += 1
    return seeds
