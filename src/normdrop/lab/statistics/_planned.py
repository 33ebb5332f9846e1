"""One claim fixed before the experiment: its test, its interval, and what it could have shown."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from normdrop.lab.statistics._intervals import (
    Interval,
    flips_outside,
    sign_flip_interval,
    subset_means,
)
from normdrop.lab.statistics._permutation import sign_flip_test

PairedTest: TypeAlias = Literal["sign flips", "signs"]
"""How paired differences are tested: by their size, if symmetric, or by their signs alone."""

POWER = 0.8
"""The chance of showing what `detectable` calls the smallest difference."""

_SAMPLES = 2000
_LISTED_SEEDS = 10  # beyond, Student's t has the same power to within 2 %, and is a formula
_ROUNDING = 1e-12


@dataclass(frozen=True)
class PlannedTest:
    """What the seeds say of one claim.

    Attributes:
        estimate: The mean of the differences, of the sign test their median.
        interval: What it may be at the level asked for; `None` with too few seeds.
        p: Two-sided, of no difference.
        detectable: The smallest difference that such a test shows with a chance of 80 %, of seeds
            that scatter as these do; infinite with too few seeds.
        seeds: How many differences there are.
    """

    estimate: float
    interval: Interval | None
    p: float
    detectable: float
    seeds: int


def planned_test(
    differences: NDArray[np.float64], level: float = 0.05, test: PairedTest = "sign flips"
) -> PlannedTest:
    """Test one claim about paired differences.

    Sign flips keep their level where a difference and its opposite are equally likely if the claim
    is false. So they are for variants that then differ in nothing, in sums with as many plus as
    minus signs, however skewed the seeds are or far out some lie. Of differences that have mean 0
    and are skewed themselves they reject up to five times too often. The sign test keeps its level
    for the median of any differences; it takes more of them.

    Args:
        differences: One per seed, shape (seeds,); NaN where a seed has none.
        level: The chance of a false claim, between 0 and 1.
        test: Which of the two.

    Example:
        >>> found = planned_test(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
        >>> found.estimate, found.interval, found.p
        (3.5, Interval(low=1.0, high=6.0), 0.03125)
    """
    present = differences[np.isfinite(differences)]
    if not len(present):
        return PlannedTest(math.nan, None, 1.0, math.inf, 0)
    spread = float(present.std(ddof=1)) if len(present) > 1 else math.nan
    steps = _steps(len(present), level, test)
    detectable = steps * spread if math.isfinite(steps) else math.inf
    if test == "signs":
        estimate, p = float(np.median(present)), sign_test(present)
        interval = sign_interval(present, 1 - level)
    else:
        estimate, p = float(present.mean()), sign_flip_test(present)
        interval = sign_flip_interval(present, 1 - level)
    return PlannedTest(estimate, interval, p, detectable, len(present))


def sign_test(differences: NDArray[np.float64]) -> float:
    """Two-sided p-value of "a difference is as often above zero as below"; zeros count for neither.

    It assumes nothing of the differences but that they are independent (Arbuthnott 1710).

    Example:
        >>> sign_test(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 600.0]))
        0.03125
    """
    above, below = int((differences > 0).sum()), int((differences < 0).sum())
    if not above + below:
        return 1.0
    return float(stats.binomtest(above, above + below).pvalue)


def sign_interval(differences: NDArray[np.float64], confidence: float = 0.95) -> Interval | None:
    """All medians that the sign test does not reject: two order statistics.

    Example:
        >>> sign_interval(np.array([6.0, 2.0, 3.0, 4.0, 5.0, 1.0]))
        Interval(low=1.0, high=6.0)
        >>> sign_interval(np.array([1.0, 2.0, 3.0])) is None  # too few for 95 %
        True
    """
    ordered = np.sort(differences[np.isfinite(differences)])
    inside = _values_outside(len(ordered), confidence)
    return Interval(float(ordered[inside - 1]), float(ordered[-inside])) if inside else None


def _values_outside(seeds: int, confidence: float) -> int:
    """The order statistic, counted from 1 at either end, that the sign test's interval ends at."""
    tails = stats.binom.cdf(np.arange(seeds), seeds, 0.5)
    return int((tails <= (1 - confidence) / 2 + _ROUNDING).sum())


@lru_cache
def _steps(seeds: int, level: float, test: PairedTest) -> float:
    """The smallest difference shown with the chance `POWER`, in deviations of the differences.

    A shift of normal values is shown as soon as it exceeds what their interval lacks to zero: so it
    is a quantile of that over many samples.
    """
    if seeds > _LISTED_SEEDS and test == "sign flips":
        return _student_steps(seeds, level)
    draws = np.random.default_rng(0).normal(size=(_SAMPLES, seeds))
    if test == "signs":
        values, outside = draws, _values_outside(seeds, 1 - level)
    else:
        values = subset_means(draws)
        outside = flips_outside(values.shape[1], 1 - level)
    if not outside:
        return math.inf
    lowest = np.partition(values, outside - 1, axis=1)[:, outside - 1]
    return float(np.quantile(-lowest, POWER))


def _student_steps(seeds: int, level: float) -> float:
    critical = float(stats.t.ppf(1 - level / 2, seeds - 1))
    low, high = 0.0, 10.0
    while high - low > 1e-6:  # noqa: PLR2004 - far below what a page shows
        middle = (low + high) / 2
        power = stats.nct.sf(critical, seeds - 1, middle * math.sqrt(seeds))
        low, high = (low, middle) if power >= POWER else (middle, high)
    return high
