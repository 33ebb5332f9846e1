"""Intervals cover as often as they say."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from normdrop.lab.statistics import sign_flip_interval, sign_flip_test, student_interval

EXPERIMENTS = 3000


def coverage(
    interval: object, draws: NDArray[np.float64], centre: float = 0.0, confidence: float = 0.95
) -> float:
    """How often an interval of each row holds the centre."""
    assert callable(interval)
    ends = [interval(row, confidence) for row in draws]
    return float(np.mean([end.low <= centre <= end.high for end in ends]))


def test_student_agrees_with_scipy() -> None:
    """The interval is scipy's for a t distribution."""
    values = np.random.default_rng(0).normal(size=9)
    expected = stats.t.interval(0.9, 8, loc=values.mean(), scale=stats.sem(values))
    assert student_interval(values, 0.9) == pytest.approx(expected)


@pytest.mark.parametrize("seeds", [6, 11])
def test_student_covers_normal_values(seeds: int) -> None:
    """95 % of normal samples, to four standard errors of 3000 (0.004 each)."""
    draws = np.random.default_rng(seeds).normal(size=(EXPERIMENTS, seeds))
    assert abs(coverage(student_interval, draws) - 0.95) < 4 * math.sqrt(0.0475 / EXPERIMENTS)


def test_student_falls_short_on_skewed_values() -> None:
    """Log-normal values are covered less than 95 %: the claim is for normal ones alone."""
    draws = np.random.default_rng(1).lognormal(0, 1, size=(EXPERIMENTS, 6))
    assert coverage(student_interval, draws, math.exp(0.5)) < 0.92


@pytest.mark.parametrize("shape", ["normal", "heavy", "two peaks"])
@pytest.mark.parametrize(("seeds", "confidence"), [(6, 0.95), (8, 0.95), (9, 0.8)])
def test_sign_flip_covers_symmetric_values(shape: str, seeds: int, confidence: float) -> None:
    """Coverage is exactly 1 − 2⌊α/2 · 2ⁿ⌋/2ⁿ for any symmetric values, to four standard errors."""
    rng = np.random.default_rng(seeds)
    size = (EXPERIMENTS, seeds)
    draws = {
        "normal": rng.normal(size=size),
        "heavy": rng.standard_cauchy(size),
        "two peaks": rng.choice([-1.0, 1.0], size=size) + 0.1 * rng.normal(size=size),
    }[shape]
    exact = 1 - 2 * math.floor((1 - confidence) / 2 * 2**seeds + 1e-9) / 2**seeds
    error = math.sqrt(exact * (1 - exact) / EXPERIMENTS)
    assert exact >= confidence
    assert abs(coverage(sign_flip_interval, draws, 0.0, confidence) - exact) < 4 * error


def test_sign_flip_with_random_subsets_covers() -> None:
    """Beyond 16 seeds, where subsets are drawn, 95 % are covered to four standard errors of 30."""
    draws = np.random.default_rng(5).standard_t(3, size=(30, 18))
    assert coverage(sign_flip_interval, draws) > 0.95 - 4 * math.sqrt(0.0475 / 30)


@given(st.lists(st.integers(-9, 9), min_size=6, max_size=9))
def test_sign_flip_interval_inverts_the_test(values: list[int]) -> None:
    """A centre well inside is not rejected, a centre well outside is, by a one-sided count."""
    sample = np.array(values, dtype=float)
    interval = sign_flip_interval(sample)
    assert interval is not None
    for centre in (interval.low - 1e-3, interval.high + 1e-3):
        assert sign_flip_test(sample - centre) <= 0.05
    if interval.high - interval.low > 1e-2:
        for centre in (interval.low + 1e-3, interval.high - 1e-3):
            assert sign_flip_test(sample - centre) > 0.05


def test_darwin() -> None:
    """Darwin's maize: the interval of the difference just holds zero, as Fisher's p = 5.3 % says.

    Student's interval of the same differences just misses it (t = 2.148, 14 degrees of freedom).
    """
    darwin = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], dtype=float)
    flipped, student = sign_flip_interval(darwin), student_interval(darwin)
    assert flipped is not None
    assert student is not None
    assert flipped.low < 0 < student.low < 1
    assert student.half_width == pytest.approx(2.1448 * darwin.std(ddof=1) / math.sqrt(15), 1e-4)


def test_too_few_values_have_no_interval() -> None:
    """Five values have none, nor have six of which one is missing, nor six at 99 % by flips."""
    five = np.arange(5.0)
    for values in (five, np.append(five, np.nan)):
        assert student_interval(values) is None
        assert sign_flip_interval(values) is None
    assert sign_flip_interval(np.arange(6.0), 0.99) is None
    assert student_interval(np.arange(6.0), 0.99) is not None
