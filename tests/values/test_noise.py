"""Noise values: ranges and moments."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normdrop.errors import NoiseError
from normdrop.values.noise import Bernoulli, Gaussian, Noise, Uniform

SAMPLES = 400_000


def sample(noise: Noise) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Masks drawn with NumPy from the distribution's definition."""
    random = np.random.default_rng(0)
    match noise:
        case Bernoulli(rate):
            return (random.random(SAMPLES) >= rate) / (1.0 - rate)
        case Gaussian(rate):
            return random.normal(1.0, math.sqrt(rate / (1.0 - rate)), SAMPLES)
        case Uniform(beta):
            return random.uniform(1.0 - beta, 1.0 + beta, SAMPLES)


@pytest.mark.parametrize("noise", [Bernoulli(0.3), Gaussian(0.2), Uniform(0.4), Uniform(2.0)])
def test_moments_match_simulation(noise: Noise) -> None:
    """Mean and second moment lie within 5 standard errors of a simulation (error level 6e-7)."""
    mask = sample(noise)
    for power, expected in ((1, noise.mean), (2, noise.second_moment_factor)):
        values = mask**power
        assert abs(values.mean() - expected) < 5.0 * values.std() / math.sqrt(SAMPLES)


@pytest.mark.parametrize("noise", [Bernoulli(0.0), Gaussian(0.0), Uniform(0.0)])
def test_no_noise_has_factor_one(noise: Noise) -> None:
    """Without noise the second moment stays as it is."""
    assert noise.second_moment_factor == 1.0


def test_rate_one_leaves_nothing() -> None:
    """A mask that is zero everywhere has mean and second moment zero, not an infinite factor."""
    assert (Bernoulli(1.0).mean, Bernoulli(1.0).second_moment_factor) == (0.0, 0.0)


@given(st.floats(0.0, 0.99))
def test_gaussian_has_the_factor_of_bernoulli(rate: float) -> None:
    """Both kinds of dropout change the second moment by the same factor at the same rate."""
    assert Gaussian(rate).second_moment_factor == Bernoulli(rate).second_moment_factor
    assert math.isclose(1.0 + Gaussian(rate).deviation ** 2, Gaussian(rate).second_moment_factor)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Bernoulli, -0.1),
        (Bernoulli, 1.1),
        (Bernoulli, math.nan),
        (Gaussian, 1.0),
        (Gaussian, math.nan),
        (Uniform, -0.1),
        (Uniform, math.inf),
        (Uniform, math.nan),
    ],
)
def test_out_of_range_is_refused(kind: type[Noise], value: float) -> None:
    """The error quotes the value and is a ValueError, as torch's is."""
    with pytest.raises(NoiseError, match=str(value)) as raised:
        kind(value)
    assert isinstance(raised.value, ValueError)


def test_huge_half_width_has_an_infinite_factor() -> None:
    """A half-width whose square no float holds is no error: its factor is infinite."""
    assert Uniform(1e200).second_moment_factor == math.inf
