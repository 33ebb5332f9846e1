"""One test of one claim: its level where seeds are skewed or outlying, and its power."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from normdrop.lab.statistics import PairedTest, planned_test, sign_interval, sign_test

Draw = Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.float64]]
_LEVEL, _TIMES = 0.05, 1500
_TOLERATED = _LEVEL + 3 * math.sqrt(_LEVEL * (1 - _LEVEL) / _TIMES)
_SEEDS: dict[str, Draw] = {
    "normal": lambda draw, shape: draw.normal(size=shape),
    "skewed": lambda draw, shape: np.exp(draw.normal(size=shape)) - math.exp(0.5),
    "outlying": lambda draw, shape: draw.normal(size=shape) + 10 * (draw.random(shape) < 0.1) - 1,
}
_BALANCED = [(1, -1), (0.5, 0.5, -0.5, -0.5), (1, -1, -1, 1), (-2, -1, 1, 2)]


def _rejected(differences: NDArray[np.float64], test: PairedTest) -> float:
    """The share of samples, shape (samples, seeds), in which a difference is claimed."""
    return float(np.mean([planned_test(d, _LEVEL, test).p <= _LEVEL for d in differences]))


@pytest.mark.parametrize("seeds", [7, 8])
@pytest.mark.parametrize("name", _SEEDS)
@pytest.mark.parametrize("weights", _BALANCED)
def test_sign_flips_keep_their_level_of_variants_that_do_not_differ(
    weights: tuple[float, ...], name: str, seeds: int
) -> None:
    """Balanced contrasts of one distribution: skewed and outlying seeds change nothing."""
    drawn = _SEEDS[name](np.random.default_rng(seeds), (_TIMES, len(weights), seeds))
    assert _rejected(np.einsum("v,tvs->ts", weights, drawn), "sign flips") <= _TOLERATED


@pytest.mark.parametrize("name", ["skewed", "outlying"])
def test_where_one_side_alone_is_skewed_signs_stand_in(name: str) -> None:
    """Sign flips then claim two to five times too much; the sign test of the median does not."""
    draw = np.random.default_rng(0)
    one, other = (_SEEDS[kind](draw, (_TIMES, 8)) for kind in (name, "normal"))
    differences = one - 0.3 * other
    assert 0.1 < _rejected(differences, "sign flips") < 0.3
    median = float(np.median(_SEEDS[name](draw, (400_000,)) - 0.3 * draw.normal(size=400_000)))
    assert _rejected(differences - median, "signs") <= _TOLERATED


@pytest.mark.parametrize("test", ["sign flips", "signs"])
@pytest.mark.parametrize("seeds", [6, 8, 11])
def test_what_could_have_been_shown_is_shown_four_times_of_five(
    seeds: int, test: PairedTest
) -> None:
    """The power at the smallest detectable difference is 80 %, in units of the true deviation."""
    draw = np.random.default_rng(seeds)
    sample = draw.normal(size=seeds)
    step = planned_test(sample, _LEVEL, test).detectable / sample.std(ddof=1)
    shifted = draw.normal(size=(600, seeds)) + step
    assert _rejected(shifted, test) == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("test", ["sign flips", "signs"])
def test_interval_and_p_say_the_same(test: PairedTest) -> None:
    """Zero lies outside the interval exactly where the p-value is at most the level."""
    draw = np.random.default_rng(3)
    for level in (0.05, 0.025):
        for sample in draw.normal(0.8, 1, size=(200, 9)):
            found = planned_test(sample, level, test)
            assert found.interval is not None
            assert (found.p <= level) == (found.interval.low > 0 or found.interval.high < 0)
            assert found.interval.low <= found.estimate <= found.interval.high


def test_too_few_seeds_claim_nothing() -> None:
    """Without an interval nothing could have been shown either."""
    for seeds in range(6):
        found = planned_test(np.arange(1.0, seeds + 1))
        assert (found.interval, found.detectable, found.seeds) == (None, math.inf, seeds)
    assert planned_test(np.full(7, np.nan)).p == 1
    missing = np.array([1.0, np.nan, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert planned_test(missing) == planned_test(missing[np.isfinite(missing)])


def test_signs_ignore_ties_and_sizes() -> None:
    """A zero counts for neither side, and a thousand no more than one."""
    assert sign_test(np.array([0.0, 0.0])) == 1
    assert sign_test(np.array([1.0, 2.0, 0.0])) == sign_test(np.array([1000.0, 1.0]))
    assert sign_interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 600.0])) == (1.0, 600.0)
