"""`module-tests`: what is measured against the closed forms and against the published curves."""

import math

import numpy as np
import pytest
import torch
from recipe_trials import finished

from normdrop.lab.recipe_names import find
from normdrop.theory import residual_shift, shift_after_weights, shift_before_weights

RECIPE = find("module-tests")


def _rectified_moments(first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of ReLU(W z), z standard normal: the arc-cosine kernel of degree 1.

    Source: Cho and Saul, "Kernel Methods for Deep Learning", NIPS 2009.
    """
    covariance = first @ first.T
    spread = np.sqrt(np.diag(covariance))
    cosine = np.clip(covariance / np.outer(spread, spread), -1, 1)
    angle = np.arccos(cosine)
    kernel = np.sin(angle) + (math.pi - angle) * cosine
    mean = spread / math.sqrt(2 * math.pi)
    return mean, np.outer(spread, spread) * kernel / (2 * math.pi) - np.outer(mean, mean)


@pytest.mark.parametrize("mean", [0.0, 0.02])
@pytest.mark.parametrize("variant", RECIPE.variants)
def test_the_measured_shift_is_that_of_the_full_covariance(variant: str, mean: float) -> None:
    """The exact law of this very network's outputs gives the measured Δ, to 3 %.

    The variances summed over 128 outputs have a relative standard error of about 1.5 % at 8000
    inputs even where the outputs all move together; that of Δ, whose two variances share their
    inputs, is smaller.
    """
    draws = torch.Generator().manual_seed(0)
    first, second = (
        (mean + math.sqrt(2 / 128) * torch.randn(128, 128, generator=draws)).double().numpy()
        for _ in range(2)
    )
    moments = _rectified_moments(first)
    shift = shift_before_weights if variant == "drop-weight" else shift_after_weights
    signal = np.einsum("ij,jk,ik->i", second, moments[1], second)
    expected = signal.sum() / (signal / shift(0.5, second, *moments)).sum()
    values = finished("module-tests", variant, {"inputs": 8000}, panel="width-128").values
    assert values[f"ratio at {mean:g}"] == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("width", [128, 256, 512])
def test_the_published_curves_are_met(width: int) -> None:
    """Δ lies within 0.025 of the published figures, of which 0.02 is for reading a plot."""
    panel = f"width-{width}"
    values = finished("module-tests", "drop-weight", panel=panel).values
    for metric, published in RECIPE.published_for(panel).items():
        assert values[metric] == pytest.approx(published["drop-weight"], abs=0.025)
    assert values["formula"] == pytest.approx(1 / 2.4669, abs=1e-4)
    assert values["shift"] == pytest.approx(1 / values["ratio at 0.02"])


@pytest.mark.parametrize("deviation", [0.5, 2.0])
def test_the_residual_module_follows_the_deviation(deviation: float) -> None:
    """Δ is that of a trunk of variance deviation², not of variance deviation."""
    values = finished("module-tests", "drop-weight", panel=f"residual-{deviation:g}").values
    assert values["formula"] == pytest.approx(float(residual_shift(0.5, deviation**2)))
    assert values["ratio at 0"] == pytest.approx(values["formula"], abs=0.02)
    assert abs(values["ratio at 0"] - float(residual_shift(0.5, deviation))) > 0.05


def test_every_width_is_published_once() -> None:
    """The wider, the nearer to 1; at mean 0 both places are one."""
    far = [
        RECIPE.published_for(f"width-{width}")["ratio at 0.02"]["drop-weight"]
        for width in (128, 256, 512, 1024, 2048)
    ]
    assert far == sorted(far)
    assert set(RECIPE.published_for("width-128")["ratio at 0"].values()) == {0.41}
