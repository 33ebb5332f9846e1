"""Moments of Gaussians behind activations and pooling."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special, stats

from normdrop import theory
from normdrop.theory import ACTIVATION_MOMENTS, error_function

Scalar = Callable[[float], float]


def _scipy_elu(x: float) -> float:
    return x if x > 0 else math.expm1(x)


SCALAR: dict[str, Scalar] = {
    "relu": lambda x: max(x, 0.0),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "elu": _scipy_elu,
    "selu": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
    "gelu": lambda x: x * float(stats.norm.cdf(x)),
    "silu": lambda x: x * float(special.expit(x)),
    "sigmoid": lambda x: float(special.expit(x)),
    "tanh": math.tanh,
}
ARRAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "gelu": lambda x: x * special.ndtr(x),
    "silu": lambda x: x * special.expit(x),
    "sigmoid": special.expit,
    "tanh": np.tanh,
}


@pytest.mark.parametrize("name", ACTIVATION_MOMENTS)
@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (1.5, 0.3), (-2.0, 4.0), (0.4, 900.0)])
def test_against_adaptive_quadrature(name: str, mean: float, variance: float) -> None:
    """SciPy's adaptive quadrature, cut at the kink, agrees to 1e-8."""
    spread, function = math.sqrt(variance), SCALAR[name]
    cut = min(max(-mean / spread, -9.5), 9.5)
    ends = sorted({-10.0, cut - 1 / spread if spread > 3 else cut, cut, cut + 1 / spread, 10.0})

    def expectation(power: int) -> float:
        def integrand(z: float) -> float:
            return function(mean + spread * z) ** power * float(stats.norm.pdf(z))

        pairs = itertools.pairwise(ends)
        return sum(integrate.quad(integrand, a, b, epsabs=1e-11)[0] for a, b in pairs)

    moments = ACTIVATION_MOMENTS[name](mean, variance)
    first = expectation(1)
    assert moments.mean == pytest.approx(first, rel=1e-8, abs=1e-9)
    assert moments.variance == pytest.approx(expectation(2) - first**2, rel=1e-7)


@pytest.mark.parametrize("name", ACTIVATION_MOMENTS)
def test_against_monte_carlo(name: str) -> None:
    """10⁶ draws in float64: within five standard errors of mean and variance."""
    draws = ARRAYS[name](np.random.default_rng(10).normal(0.3, 1.2, 1_000_000))
    moments = ACTIVATION_MOMENTS[name](0.3, 1.44)
    centred = (draws - draws.mean()) ** 2
    assert moments.mean == pytest.approx(draws.mean(), abs=5e-3 * draws.std())
    assert moments.variance == pytest.approx(centred.mean(), abs=5e-3 * centred.std())


def test_gelu_by_tanh_differs_slightly() -> None:
    """The approximation moves the moments, by less than 1e-3."""
    exact, close = theory.gelu_moments(0.2, 2.0), theory.gelu_moments(0.2, 2.0, approximate=True)
    assert exact.variance != close.variance
    assert exact.variance == pytest.approx(close.variance, abs=1e-3)


def test_smooth_callables_agree_with_gauss_hermite() -> None:
    """A hundred-point Gauss–Hermite rule is exact enough for cos, and independent."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    values = np.cos(0.5 + 1.3 * nodes)
    first = (weights * values).sum() / weights.sum()
    second = (weights * values**2).sum() / weights.sum()
    moments = theory.gaussian_moments(np.cos, 0.5, 1.69)
    assert moments.mean == pytest.approx(first, abs=1e-12)
    assert moments.variance == pytest.approx(second - first**2, abs=1e-12)


def test_kinks_elsewhere_are_respected() -> None:
    """ReLU6 has a second kink at 6; the closed form is a difference of two ReLUs' means."""
    moments = theory.gaussian_moments(lambda x: np.clip(x, 0, 6), 2.0, 9.0, kinks=(0.0, 6.0))
    shifted = theory.relu_moments(2.0 - 6.0, 9.0).mean
    assert moments.mean == pytest.approx(float(theory.relu_moments(2.0, 9.0).mean) - float(shifted))


def test_no_variance_is_the_function_itself() -> None:
    """A constant input gives the function's value and variance 0."""
    for name, moments in ACTIVATION_MOMENTS.items():
        result = moments(np.array([-1.0, 0.7]), 0.0)
        expected = [SCALAR[name](-1.0), SCALAR[name](0.7)]
        assert result.mean == pytest.approx(expected, abs=1e-12)
        assert result.variance == pytest.approx([0.0, 0.0], abs=1e-12)


@given(st.floats(-8, 8))
def test_error_function(x: float) -> None:
    """The tabulated error function against the C library's, to 1e-14."""
    assert error_function([x])[0] == pytest.approx(math.erf(x), abs=1e-14)


@pytest.mark.parametrize("size", [2, 4, 9])
@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_pooling(size: int, correlation: float) -> None:
    """Windows of equally correlated Gaussians, 300 000 of them: to 1 % of the deviation."""
    rng = np.random.default_rng(11)
    shared = np.sqrt(correlation) * rng.normal(size=(300_000, 1))
    units = 1.0 + 2.0 * (shared + np.sqrt(1 - correlation) * rng.normal(size=(300_000, size)))
    average = theory.average_pool_moments(1.0, 4.0, size, correlation)
    largest = theory.max_pool_moments(1.0, 4.0, size, correlation)
    assert average.mean == pytest.approx(units.mean(), abs=0.02)
    assert average.variance == pytest.approx(units.mean(1).var(), rel=0.015)
    assert largest.mean == pytest.approx(units.max(1).mean(), abs=0.02)
    assert largest.variance == pytest.approx(units.max(1).var(), rel=0.015)


def test_maximum_of_a_few_in_closed_form() -> None:
    """Known exactly: the mean of 2 is 1/√π, of 3 is 3/(2√π); the variance of 2 is 1 − 1/π."""
    assert theory.maximum_moments(1).variance == pytest.approx(1)
    assert theory.maximum_moments(2).mean == pytest.approx(1 / math.sqrt(math.pi))
    assert theory.maximum_moments(3).mean == pytest.approx(1.5 / math.sqrt(math.pi))
    assert theory.maximum_moments(2).variance == pytest.approx(1 - 1 / math.pi)


@pytest.mark.parametrize("name", ["relu", "elu", "sigmoid"])
def test_max_pool_through_an_activation(name: str) -> None:
    """Windows of 4 activated Gaussians, 300 000 of them: to 1.5 %."""
    function = ARRAYS[name]
    units = function(np.random.default_rng(12).normal(-0.5, 1.3, (300_000, 4))).max(1)
    moments = theory.activated_max_pool_moments(function, -0.5, 1.69, 4)
    assert moments.mean == pytest.approx(units.mean(), rel=0.01)
    assert moments.variance == pytest.approx(units.var(), rel=0.015)


def test_pooled_noise() -> None:
    """Average pooling over 4 correlated values behind dropout, 300 000 windows: to 2 %."""
    rng = np.random.default_rng(13)
    units = 1 + 0.5 * rng.normal(size=(300_000, 1)) + rng.normal(size=(300_000, 4))
    noisy = units * (rng.random(units.shape) >= 0.5) * 2
    shift = theory.pooled_noise_shift(2.0, 1.0, 1.25, 4, 0.2)
    assert shift == pytest.approx(units.mean(1).var() / noisy.mean(1).var(), rel=0.02)


@pytest.mark.parametrize("size", [0, -1])
def test_an_empty_window_is_refused(size: int) -> None:
    """Average, maximum and activated maximum name the size."""
    with pytest.raises(theory.TheoryError, match="size"):
        theory.average_pool_moments(0.0, 1.0, size)
    with pytest.raises(theory.TheoryError, match="size"):
        theory.maximum_moments(size)
    with pytest.raises(theory.TheoryError, match="size"):
        theory.activated_max_pool_moments(np.tanh, 0.0, 1.0, size)
