"""The pieces that are carried: points, windows and the geometry of kernels."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from normdrop import theory
from normdrop.shifts.graph import Weight
from normdrop.shifts.moments._atoms import (
    Atoms,
    gaussian_atoms,
    independent_sum,
    maximum,
    skewed_atoms,
)
from normdrop.shifts.moments._weights import taps_of
from normdrop.shifts.moments._window import Window, lags

if TYPE_CHECKING:
    from collections.abc import Callable


def _unit(correlation: float = 0.0, channels: int = 3) -> Atoms:
    window = Window.constant(1, (9,), correlation)
    return gaussian_atoms(np.zeros((1, channels)), np.ones((1, channels)), window)


@pytest.mark.parametrize("name", ["relu", "elu", "gelu", "tanh"])
def test_points_carry_activations(name: str) -> None:
    """Mean and variance of 65 moved points against the closed forms and quadrature, to 1 %."""
    functions: dict[str, Callable[[theory.Array], theory.Array]] = {
        "relu": theory.relu,
        "elu": theory.elu,
        "gelu": theory.gelu,
        "tanh": np.tanh,
    }
    points = _unit().moved(functions[name](0.3 + 1.2 * _unit().values))
    expected = theory.ACTIVATION_MOMENTS[name](0.3, 1.44)
    assert points.mean == pytest.approx(np.full((1, 3), expected.mean), abs=0.003)
    assert points.variance == pytest.approx(np.full((1, 3), expected.variance), rel=0.01)


@pytest.mark.parametrize("correlation", [0.1, 0.5, 0.9])
def test_correlation_behind_an_activation(correlation: float) -> None:
    """Hermite terms against 10⁶ correlated pairs through ReLU, to 0.005."""
    rng = np.random.default_rng(1)
    first = rng.normal(size=1_000_000)
    second = correlation * first + np.sqrt(1 - correlation**2) * rng.normal(size=first.size)
    measured = np.corrcoef(np.maximum(first, 0), np.maximum(second, 0))[0, 1]
    points = _unit(correlation)
    window = points.moved(theory.relu(points.values)).correlation()
    assert window.far[0] == pytest.approx(measured, abs=0.005)


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_maximum_through_an_activation(correlation: float) -> None:
    """The largest of four correlated ReLU outputs, 400 000 windows, to 1.5 %."""
    rng = np.random.default_rng(2)
    shared = np.sqrt(correlation) * rng.normal(size=(400_000, 1))
    units = np.maximum(shared + np.sqrt(1 - correlation) * rng.normal(size=(400_000, 4)), 0)
    points = _unit().moved(theory.relu(_unit().values))
    top = maximum(points, 4, np.array([correlation]), points.window)
    assert top.mean[0, 0] == pytest.approx(units.max(1).mean(), rel=0.015)
    assert top.variance[0, 0] == pytest.approx(units.max(1).var(), rel=0.015)


def test_a_sum_keeps_its_skew() -> None:
    """ReLU output plus a Gaussian: four moments against 10⁶ draws."""
    rng = np.random.default_rng(3)
    draws = np.maximum(rng.normal(size=1_000_000), 0) + 0.5 * rng.normal(size=1_000_000)
    points = _unit().moved(theory.relu(_unit().values))
    total = independent_sum(points, _unit().moved(0.5 * _unit().values), points.window)
    third, fourth = (cumulant[0, 0] for cumulant in total.cumulants())
    centred = draws - draws.mean()
    assert total.mean[0, 0] == pytest.approx(draws.mean(), rel=0.01)
    assert total.variance[0, 0] == pytest.approx(draws.var(), rel=0.01)
    assert third == pytest.approx((centred**3).mean(), rel=0.05)
    assert fourth == pytest.approx((centred**4).mean() - 3 * draws.var() ** 2, rel=0.25)


def test_skewed_points_have_their_cumulants() -> None:
    """A skew of 0.4 and an excess of 0.5 come back within the expansion's accuracy."""
    white = Window.constant(1, ())
    mean, variance, *cumulants = (np.full((1, 1), x) for x in (0.2, 4.0, 0.4 * 8, 0.5 * 16))
    points = skewed_atoms(mean, variance, cumulants[0], cumulants[1], white)
    third, fourth = points.cumulants()
    assert points.mean[0, 0] == pytest.approx(0.2)
    assert points.variance[0, 0] == pytest.approx(4.0)
    assert third[0, 0] / 8 == pytest.approx(0.4, abs=0.05)
    assert fourth[0, 0] / 16 == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize(
    ("padding", "stride", "dilation"), [(0, 1, 1), (1, 1, 1), (2, 2, 2), (1, 3, 1)]
)
def test_taps_count_what_padding_hides(padding: int, stride: int, dilation: int) -> None:
    """Shares of positions against a convolution of ones, tap by tap."""
    extent = 9
    ones = torch.ones(1, 1, extent)
    kernel = torch.eye(3).reshape(3, 1, 3)
    hits = torch.nn.functional.conv1d(ones, kernel, None, stride, padding, dilation)[0].numpy()
    weight = Weight(
        "convolution",
        kernel=(3,),
        stride=(stride,),
        padding=((padding, padding),),
        dilation=(dilation,),
    )
    taps = taps_of(weight, (extent,), (hits.shape[1],))
    assert taps.alone == pytest.approx(hits.mean(axis=1))
    shares = (hits @ hits.T / hits.shape[1]).reshape(1, -1)
    assert taps.met([[0]]).share == pytest.approx(shares)


def test_window_behind_a_convolution() -> None:
    """White noise through one long kernel: the kernel's own autocorrelation."""
    rng = np.random.default_rng(4)
    weight = rng.normal(size=3)
    taps = taps_of(
        Weight("convolution", kernel=(3,), stride=(1,), padding=((0, 0),), dilation=(1,)),
        (1000,),
        (998,),
    )
    gram = np.outer(weight, weight).reshape(1, -1)
    behind = taps.spread(Window.constant(1, (1000,)), gram, np.zeros_like(gram))
    expected = np.correlate(weight, weight, "full") / (weight**2).sum()
    middle = behind.near.shape[1] // 2
    assert behind.near[0, middle - 2 : middle + 3] == pytest.approx(expected)
    assert behind.near[0, middle + 3] == pytest.approx(0)


def test_windows_are_small() -> None:
    """Far more positions than a window tells apart cost nothing."""
    assert [lag.size for lag in lags((224, 224))] == [9, 9]
    assert lags(()) == []
