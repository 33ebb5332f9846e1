"""Shifts of noise before a norm layer, against Monte Carlo and the published figures."""

import doctest
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normdrop import theory

UNITS = 400_000


def _mask(kind: str, size: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if kind == "dropout":
        return (rng.random(size) >= 0.3) / 0.7
    if kind == "gaussian":
        return rng.normal(1, np.sqrt(0.3 / 0.7), size)
    return rng.uniform(0.2, 1.8, size)


SHIFTS = {
    "dropout": lambda *a: theory.dropout_shift(0.3, *a),
    "gaussian": lambda *a: theory.gaussian_shift(0.3, *a),
    "uniform": lambda *a: theory.uniform_shift(0.8, *a),
}
WEIGHTED = {
    "dropout": lambda *a: theory.weighted_dropout_shift(0.3, *a),
    "gaussian": lambda *a: theory.weighted_gaussian_shift(0.3, *a),
    "uniform": lambda *a: theory.weighted_uniform_shift(0.8, *a),
}


@pytest.mark.parametrize("kind", SHIFTS)
@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (0.7, 2.0), (-2.0, 0.5)])
def test_noise_directly_before_a_norm(kind: str, mean: float, variance: float) -> None:
    """400 000 units agree to 2 %: over five standard errors of a ratio of variances."""
    rng = np.random.default_rng(1)
    units = rng.normal(mean, np.sqrt(variance), UNITS)
    measured = units.var() / (units * _mask(kind, units.shape, rng)).var()
    assert SHIFTS[kind](mean, variance) == pytest.approx(measured, rel=0.02)


@pytest.mark.parametrize("kind", WEIGHTED)
def test_noise_through_weights(kind: str) -> None:
    """Equicorrelated inputs through one output's weights agree to 2 % over 200 000 samples."""
    rng = np.random.default_rng(2)
    weight = rng.normal(0.1, 0.3, (1, 12))
    shared = rng.normal(size=(200_000, 1))
    units = 0.5 + np.sqrt(0.4) * shared + np.sqrt(0.6) * rng.normal(size=(200_000, 12))
    measured = (units @ weight[0]).var() / (
        (units * _mask(kind, units.shape, rng)) @ weight[0]
    ).var()
    width = theory.effective_width(weight)[0]
    assert WEIGHTED[kind](0.5, 1.0, 0.4, width) == pytest.approx(measured, rel=0.02)


def test_published_uniform_shift() -> None:
    """Li et al. state 300/301 for β = 0.1."""
    shift = theory.uniform_shift(0.1)
    assert Fraction(float(shift)).limit_denominator(1000) == Fraction(300, 301)


def test_weights_without_correlation_change_nothing() -> None:
    """With ρ = 0, or d·cos²θ = 1, case (b) is case (a)."""
    direct = theory.dropout_shift(0.4, 0.3, 1.2)
    assert theory.weighted_dropout_shift(0.4, 0.3, 1.2, 0.0, 50.0) == pytest.approx(direct)
    assert theory.weighted_dropout_shift(0.4, 0.3, 1.2, 0.9, 1.0) == pytest.approx(direct)


def test_width_lifts_the_shift_to_one() -> None:
    """For ρ > 0 the shift grows with d·cos²θ towards 1."""
    shifts = np.asarray(
        theory.weighted_dropout_shift(0.5, 1.0, 1.0, 0.1, np.array([1.0, 10.0, 1e3, 1e9]))
    )
    assert (np.diff(shifts) > 0).all()
    assert shifts[-1] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("shape", [(6, 4), (6, 4, 3), (6, 4, 3, 2), (6, 2, 2, 3, 2)])
def test_effective_width_of_every_weight_layer(shape: tuple[int, ...]) -> None:
    """Linear, 1-d, 2-d and 3-d weights against the definition, output by output."""
    weight = np.random.default_rng(3).normal(size=shape)
    expected = [row.sum() ** 2 / (row**2).sum() for row in weight]
    assert theory.effective_width(weight) == pytest.approx(np.array(expected))


def test_effective_width_of_grouped_transposed_weights() -> None:
    """Output o of group g of a transposed layer sums the inputs of g at column o."""
    weight = np.random.default_rng(4).normal(size=(6, 2, 3, 3))
    expected = [
        weight[3 * g : 3 * g + 3, o].sum() ** 2 / (weight[3 * g : 3 * g + 3, o] ** 2).sum()
        for g in range(2)
        for o in range(2)
    ]
    measured = theory.effective_width(weight, groups=2, transposed=True)
    assert measured == pytest.approx(np.array(expected))


def test_effective_width_refuses_what_is_no_weight() -> None:
    """A vector, and groups that do not divide the channels, are named in the error."""
    with pytest.raises(theory.TheoryError, match=r"shape \(3,\)"):
        theory.effective_width(np.ones(3))
    with pytest.raises(theory.TheoryError, match="4 groups"):
        theory.effective_width(np.ones((6, 2)), groups=4)


def test_before_and_after_weights() -> None:
    """Both placements to 2 % over 400 000 samples; train variances differ as Kim et al. say."""
    rng = np.random.default_rng(5)
    weight = rng.normal(0.2, 0.5, (3, 5))
    root = rng.normal(size=(5, 5))
    mean, covariance = rng.normal(size=5), root @ root.T
    units = rng.multivariate_normal(mean, covariance, UNITS)
    out = units @ weight.T
    before = (units * _mask("dropout", units.shape, rng)) @ weight.T
    after = out * _mask("dropout", out.shape, rng)
    arguments = (0.3, weight, mean, covariance)
    assert theory.shift_before_weights(*arguments) == pytest.approx(
        out.var(0) / before.var(0), rel=0.02
    )
    assert theory.shift_after_weights(*arguments) == pytest.approx(
        out.var(0) / after.var(0), rel=0.02
    )
    signal = np.einsum("ij,jk,ik->i", weight, covariance, weight)
    difference = signal / theory.shift_after_weights(*arguments)
    difference -= signal / theory.shift_before_weights(*arguments)
    assert difference == pytest.approx(0.3 / 0.7 * theory.cross_terms(*arguments[1:]))


def test_placement_refuses_shapes_that_do_not_fit() -> None:
    """The error shows all three shapes."""
    with pytest.raises(theory.TheoryError, match="mean"):
        theory.shift_before_weights(0.5, np.ones((2, 3)), np.zeros(2), np.eye(3))


rates = st.floats(0, 0.95)
means = st.floats(-5, 5)
variances = st.floats(0.01, 10)


@given(rates, means, variances)
def test_inverses_return_what_went_in(rate: float, mean: float, variance: float) -> None:
    """The rate for a shift and the variance before a noise undo the forward formulas."""
    shift = theory.dropout_shift(rate, mean, variance)
    assert theory.rate_for_shift(shift, mean, variance) == pytest.approx(rate, abs=1e-7)
    factor = theory.dropout_factor(rate)
    stored = theory.noisy_variance(factor, mean, variance)
    recovered = theory.variance_before_noise(factor, mean, stored)
    assert recovered == pytest.approx(variance, rel=1e-6)


@given(st.floats(0, 1), means, variances)
def test_half_width_for_a_shift(beta: float, mean: float, variance: float) -> None:
    """`beta_for_shift` undoes `uniform_shift`."""
    shift = theory.uniform_shift(beta, mean, variance)
    assert theory.beta_for_shift(shift, mean, variance) == pytest.approx(beta, abs=1e-5)


def test_contradicting_statistics_are_not_a_number() -> None:
    """Stored statistics that no noise could have produced give `nan`, the others a value."""
    variance = theory.variance_before_noise(2.0, np.array([3.0, 0.0]), np.array([1.0, 1.0]))
    assert np.isnan(np.asarray(variance)[0])
    assert np.asarray(variance)[1] == 0.5


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_a_rate_out_of_range_is_refused(rate: float) -> None:
    """The message names the argument and its value."""
    with pytest.raises(theory.TheoryError, match="rate must be at least 0 and below 1"):
        theory.dropout_shift(rate)


def test_arrays_broadcast() -> None:
    """Rates down, means across."""
    shifts = np.asarray(theory.dropout_shift(np.array([[0.1], [0.5]]), np.array([0.0, 1.0, 2.0])))
    assert shifts.shape == (2, 3)
    assert shifts[1, 1] == pytest.approx(1 / 3)


def test_the_page_of_formulas_runs() -> None:
    """Every sample of docs/theory.md prints what the page says."""
    page = Path(__file__).parents[2] / "docs" / "theory.md"
    assert doctest.testfile(str(page), module_relative=False).failed == 0
