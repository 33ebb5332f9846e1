"""What the formulas refuse: correlations that no inputs can have, and what is no number."""

import inspect
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normdrop import theory
from normdrop.theory import Numbers, TheoryError

FUNCTIONS: dict[str, Any] = {
    name: function
    for name, function in vars(theory).items()
    if inspect.isfunction(function) and not name.startswith("_")
}
# What the other arguments are where one is tried; those of an activation's moments have defaults.
USUAL: dict[str, Any] = {
    "rate": 0.5,
    "factor": 2.0,
    "beta": 0.1,
    "shift": 0.9,
    "mean": 0.0,
    "variance": 1.0,
    "running_mean": 0.0,
    "running_variance": 1.0,
    "values": 0.5,
    "trunk_variance": 1.0,
    "weight": [[1.0, 1.0]],
    "size": 4,
    "positions": 4,
    "scales": [1.0],
    "scale": 1.0,
    "pooled": True,
    "function": np.tanh,
    "width": 4.0,
    "correlation": 0.0,
    "slope": 0.01,
    "inverted": True,
    "kinks": (),
    "x": 0.5,
    "alpha": 1.0,
}
MATRICES: dict[str, Any] = {"mean": [0.0, 0.0], "covariance": [[1.0, 0.0], [0.0, 1.0]]}


def call(name: str, **given: object) -> object:
    """A function with one argument of ours and the others as usual."""
    parameters = inspect.signature(FUNCTIONS[name]).parameters
    usual = {**USUAL, **(MATRICES if "covariance" in parameters else {})}
    arguments = {key: usual[key] for key in parameters if key in usual}
    return FUNCTIONS[name](**{**arguments, **given})


def _parameters(name: str) -> set[str]:
    return set(inspect.signature(FUNCTIONS[name]).parameters)


def takes(argument: str) -> list[str]:
    """The functions with an argument of that name."""
    return [name for name in FUNCTIONS if argument in inspect.signature(FUNCTIONS[name]).parameters]


def least(value: object) -> float:
    """The smallest variance, or ratio of variances, that a function gives."""
    return float(np.min(value.variance if isinstance(value, theory.Moments) else np.asarray(value)))


@pytest.mark.parametrize("name", sorted(takes("correlation")))
@given(
    count=st.integers(2, 40),
    correlation=st.floats(-1.0, 1.0),
)
def test_correlations_are_those_of_some_inputs(name: str, count: int, correlation: float) -> None:
    """A function refuses a correlation exactly where its matrix has a negative eigenvalue."""
    matrix = np.full((count, count), correlation) + (1 - correlation) * np.eye(count)
    lowest = np.linalg.eigvalsh(matrix).min()
    sizes = dict.fromkeys({"size", "positions", "width"} & _parameters(name), count)
    if name == "max_pool_moments":  # its formula is for correlations of 0 or more, as it says
        lowest = min(lowest, correlation)
    if lowest < -1e-9:
        with pytest.raises(TheoryError, match="correlation must be at least"):
            call(name, correlation=correlation, **sizes)
    elif lowest > 1e-9 or correlation == 0:
        assert least(call(name, correlation=correlation, **sizes)) >= 0


@pytest.mark.parametrize("count", [2, 3, 4, 7, 10, 49, 196])
def test_most_contrary_values_are_possible(count: int) -> None:
    """At ρ = −1 / (k − 1) a sum of values is constant, also after rounding."""
    assert theory.average_pool_moments(0.0, 1.0, count, -1 / (count - 1)).variance >= 0
    shift = theory.weighted_noise_shift(2.0, correlation=-1 / (count - 1), width=float(count))
    assert 0 <= float(shift) < 1e-12


@pytest.mark.parametrize("name", sorted(takes("covariance")))
@given(
    entries=st.lists(st.floats(-3, 3), min_size=9, max_size=9),
    weights=st.lists(st.floats(0.1, 3), min_size=3, max_size=3),
)
def test_covariances_are_those_of_some_inputs(
    name: str, entries: list[float], weights: list[float]
) -> None:
    """A matrix times its transpose is a covariance; one less on a diagonal of zeros is none."""
    root = np.reshape(entries, (3, 3))
    good = root @ root.T + 0.1 * np.eye(3)
    others = {"weight": [weights], "mean": [0.0, 1.0, -1.0]}
    assert np.isfinite(np.asarray(call(name, covariance=good, **others))).all()
    bad = good - (np.linalg.eigvalsh(good).min() + 1) * np.eye(3)
    with pytest.raises(TheoryError, match="negative variance"):
        call(name, covariance=bad, **others)


@pytest.mark.parametrize("name", sorted(takes("covariance")))
@pytest.mark.parametrize("wrong", [[[1.0, 0.5], [0.0, 1.0]], [[np.nan, 0.0], [0.0, 1.0]]])
def test_covariance_is_finite_and_symmetric(name: str, wrong: list[list[float]]) -> None:
    """A matrix that is no covariance at all is refused as such."""
    with pytest.raises(TheoryError, match="finite and symmetric"):
        call(name, covariance=wrong)


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        (name, parameter.name)
        for name, function in FUNCTIONS.items()
        for parameter in inspect.signature(function).parameters.values()
        if parameter.annotation == Numbers
    ],
)
@pytest.mark.parametrize("wrong", ["x", ["x"], [1.0, [2.0]], 1j, {}])
def test_only_numbers_are_taken(name: str, argument: str, wrong: object) -> None:
    """Whatever formula is given no number says which argument that is."""
    with pytest.raises(TheoryError, match=f"^{argument} must be a number or an array of numbers"):
        call(name, **{argument: wrong})
    call(name)


IMPOSSIBLE: dict[str, tuple[float, ...]] = {
    "rate": (-0.1, 1.0, 1.5, np.nan, -np.inf),
    "factor": (0.9, -1.0, np.nan, np.inf),
    "beta": (-0.1, np.nan, np.inf),
    "shift": (0.0, -1.0, 1.1, np.nan),
    "mean": (np.nan, np.inf, -np.inf),
    "running_mean": (np.nan, np.inf),
    "variance": (-1.0, -1e-12, np.nan, np.inf),
    "running_variance": (-1.0, np.nan, np.inf),
    "trunk_variance": (-1.0, np.nan, np.inf),
    "scale": (-1.0, np.nan, np.inf),
    "scales": (np.nan, np.inf),
    "correlation": (-1.1, 1.1, -0.5, np.nan),
    "width": (-1.0, np.nan, np.inf),
    "size": (0, -1, 2.5, np.nan, np.inf),
    "positions": (0, -1, 2.5, np.nan, np.inf),
    "weight": (np.nan, np.inf),
}
"""What no distribution, noise or window has; of two or more values none has a correlation of -1."""


@pytest.mark.parametrize(
    ("name", "argument", "wrong"),
    [
        (name, argument, wrong)
        for argument, impossible in IMPOSSIBLE.items()
        for name in sorted(takes(argument))
        for wrong in impossible
    ],
)
def test_what_no_distribution_has_is_refused(name: str, argument: str, wrong: float) -> None:
    """Every function refuses it by the argument's name, alone and among good values."""
    usual = {**USUAL, **(MATRICES if "covariance" in _parameters(name) else {})}[argument]
    given: list[object] = [wrong if argument in {"size", "positions"} else _with(usual, wrong)]
    if np.ndim(usual) == 0 and argument not in {"size", "positions"}:
        given.append([usual, wrong])
    for each in given:
        with pytest.raises(TheoryError, match=f"^{argument} must be"):
            call(name, **{argument: each})


def _with(usual: object, wrong: float) -> object:
    """The usual value with its first number replaced."""
    array = np.array(usual, dtype=float)
    array.flat[0] = wrong
    return array if array.ndim else wrong


def test_every_argument_is_tried() -> None:
    """A new formula's numbers stand in the table of what is refused, or may be any number."""
    any_number = {"values", "kinks", "covariance", "x", "slope", "alpha", "groups"}
    numbers = {
        parameter.name
        for function in FUNCTIONS.values()
        for parameter in inspect.signature(function).parameters.values()
        if parameter.annotation in {Numbers, int, float}
    }
    assert numbers - any_number <= set(IMPOSSIBLE)


@pytest.mark.parametrize("wrong", [-1.0, [1.0, -1e-9], np.array([[-0.5]])])
def test_no_moments_have_a_negative_variance(wrong: theory.Numbers) -> None:
    """A pair of mean and variance says no, wherever it was made; what is unknown may be nan."""
    with pytest.raises(TheoryError, match="variance must be at least 0"):
        theory.Moments(0.0, np.asarray(wrong))
    assert np.isnan(theory.Moments(0.0, float("nan")).variance)
    mean, variance = theory.Moments(1.0, 0.0)
    assert (mean, variance) == (1.0, 0.0)


@given(mean=st.floats(-1e6, 1e6), variance=st.floats(0, 1e6))
def test_moments_behind_an_activation_exist(mean: float, variance: float) -> None:
    """Rounding leaves no variance below zero, however far from the kink."""
    for moments in theory.ACTIVATION_MOMENTS.values():
        assert np.all(np.asarray(moments(mean, variance).variance) >= 0)
