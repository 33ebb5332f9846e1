"""`pooling`: mean and variance in both modes against closed forms."""

import math

import pytest
import torch
from recipe_trials import finished

from normdrop.lab.recipe_names import find
from normdrop.lab.recipes._misfit import misfit, moments_of
from normdrop.theory import (
    activated_max_pool_moments,
    average_pool_moments,
    dropout_shift,
    max_pool_moments,
    pooled_noise_shift,
    relu,
    relu_moments,
)

RECIPE = find("pooling")
_SIZE, _CORRELATION = 4, 0.5


@pytest.mark.parametrize(("inputs", "mean"), [("zero-mean", 0.0), ("mean-1", 1.0)])
def test_average_pooling_keeps_the_mean(inputs: str, mean: float) -> None:
    """The mean stays on either side; the shift is that of the closed forms, to 2 %.

    Variances of 200000 values have a relative standard error of some 0.4 %.
    """
    before, after = (
        finished("pooling", variant, panel=f"average-{inputs}").values
        for variant in RECIPE.variants
    )
    for values in (before, after):
        assert abs(values["offset"]) < 0.02
    expected = pooled_noise_shift(2.0, mean, 1.0, _SIZE, _CORRELATION)
    assert before["ratio"] == pytest.approx(expected, rel=0.02)
    pooled = average_pool_moments(mean, 1.0, _SIZE, _CORRELATION)
    assert after["ratio"] == pytest.approx(dropout_shift(0.5, *pooled), rel=0.02)


@pytest.mark.parametrize(("inputs", "mean"), [("zero-mean", 0.0), ("mean-1", 1.0)])
def test_dropout_after_max_pooling_keeps_the_mean(inputs: str, mean: float) -> None:
    """The mean stays, and the shift is that of dropout on a maximum's mean and variance."""
    values = finished("pooling", "pool-drop", panel=f"max-{inputs}").values
    pooled = max_pool_moments(mean, 1.0, _SIZE, _CORRELATION)
    assert abs(values["offset"]) < 0.02
    assert values["ratio"] == pytest.approx(dropout_shift(0.5, *pooled), rel=0.02)


def test_dropout_before_max_pooling_moves_the_mean() -> None:
    """Of independent rectified values: the maximum of the k that are kept, doubled, k binomial."""
    values = finished("pooling", "drop-pool", {"correlation": 0.0}, panel="max-relu").values
    means, squares = [0.0], [0.0]  # of a window of which nothing is kept
    for kept in range(1, _SIZE + 1):
        moments = activated_max_pool_moments(relu, 0.0, 1.0, kept)
        means.append(2 * float(moments.mean))
        squares.append(4 * float(moments.variance) + means[-1] ** 2)
    chances = [math.comb(_SIZE, kept) / 2**_SIZE for kept in range(_SIZE + 1)]
    mean, square = (
        sum(chance * value for chance, value in zip(chances, taken, strict=True))
        for taken in (means, squares)
    )
    train = math.sqrt(square - mean**2)
    evaluated = activated_max_pool_moments(relu, 0.0, 1.0, _SIZE)
    offset, ratio = (evaluated.mean - mean) / train, math.sqrt(evaluated.variance) / train
    assert values["offset"] == pytest.approx(offset, abs=0.01)
    assert values["ratio"] == pytest.approx(ratio**2, rel=0.02)
    assert values["misfit"] == pytest.approx(math.hypot(offset, ratio - 1), abs=0.01)


def test_relu_panels_are_rectified() -> None:
    """A window of one value is the value: dropout's shift of a rectified normal one."""
    values = finished("pooling", "drop-pool", {"size": 1}, panel="average-relu").values
    assert values["ratio"] == pytest.approx(dropout_shift(0.5, *relu_moments()), rel=0.02)


def test_the_misfit_is_a_distance() -> None:
    """Moved by half a train deviation, and half as wide: √(1/4 + 1/4)."""
    train = torch.tensor([-2.0, 2.0])
    found = misfit(moments_of(train), moments_of(train / 2 + 1))
    assert found["misfit"] == pytest.approx(math.sqrt(0.5))
    assert misfit(moments_of(train), moments_of(train))["misfit"] == 0
