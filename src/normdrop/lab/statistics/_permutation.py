"""Sign-flip tests of many mean differences at once, by the step-down maximum."""

import numpy as np
from numpy.typing import NDArray

from normdrop.lab.statistics._flips import sign_flips

# Statistics lie in [0, √seeds]; two that differ by less than this are taken as equal, so that the
# order of summation does not decide a p-value.
_TIE = 1e-9


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
