"""`rescale`: what each correction does to mean and variance, by arithmetic."""

import math
from pathlib import Path

import pytest
import torch
from recipe_trials import SHORTEST, finished

from normdrop import compare
from normdrop.lab.networks import Correction, RescaledDropout
from normdrop.lab.recipe_names import find
from normdrop.theory import relu_moments

RECIPE = find("rescale")
_KEEP = 0.5
_INPUTS = {
    "zero-mean": (0.0, 1.0),
    "mean-1": (1.0, 1.0),
    "relu": (float(relu_moments().mean), float(relu_moments().variance)),
}


def _train_moments(correction: str, mean: float, variance: float) -> tuple[float, float]:
    """Mean and variance behind the corrected dropout: E[m] = 1 and E[m²] = 1 / keep."""
    if correction == "none":
        return mean, (mean**2 + variance) / _KEEP - mean**2
    if correction == "sqrt-keep":
        return math.sqrt(_KEEP) * mean, variance + (1 - _KEEP) * mean**2
    return mean, variance


@pytest.mark.parametrize("variant", RECIPE.variants)
@pytest.mark.parametrize("panel", _INPUTS)
def test_moments_are_those_of_the_arithmetic(panel: str, variant: str) -> None:
    """Offset, Δ and misfit of 200000 values lie within 0.02 of what they must be."""
    mean, variance = _INPUTS[panel]
    train_mean, train_variance = _train_moments(variant, mean, variance)
    offset = (mean - train_mean) / math.sqrt(train_variance)
    ratio = variance / train_variance
    values = finished("rescale", variant, panel=panel).values
    assert values["offset"] == pytest.approx(offset, abs=0.02)
    assert values["ratio"] == pytest.approx(ratio, abs=0.02)
    assert values["misfit"] == pytest.approx(math.hypot(offset, math.sqrt(ratio) - 1), abs=0.02)


def test_only_zero_mean_inputs_are_restored() -> None:
    """√keep restores zero-mean inputs; others keep a larger variance and lose part of the mean."""
    misfit = {
        panel: finished("rescale", "sqrt-keep", panel=panel).values["misfit"] for panel in _INPUTS
    }
    assert misfit["zero-mean"] < 0.02
    assert misfit["relu"] > 0.2
    assert misfit["mean-1"] > 0.2


@pytest.mark.parametrize("correction", RECIPE.variants)
def test_channels_have_means_of_their_own(correction: Correction) -> None:
    """Each channel of an image is centred by itself; in eval mode nothing changes."""
    torch.manual_seed(0)
    means = torch.tensor([0.0, 3.0])[:, None, None]
    x = torch.randn(64, 2, 8, 8) + means
    layer = RescaledDropout(0.5, correction)
    assert torch.equal(layer.eval()(x), x)
    found = layer.train()(x).transpose(0, 1).flatten(1)
    for channel, mean in zip(found, (0.0, 3.0), strict=True):
        expected = _train_moments(correction, mean, 1.0)
        assert channel.mean().item() == pytest.approx(expected[0], abs=0.2)
        assert channel.var().item() == pytest.approx(expected[1], rel=0.1)


@pytest.mark.slow
def test_data_are_of_the_trained_panel_alone(tmp_path: Path) -> None:
    """It is trained on digits and has an error; the others make their values and have none."""
    (trained, values) = (
        compare(
            "rescale",
            panel=panel,
            settings=settings,
            seeds=1,
            variants=["sqrt-keep"],
            jobs=1,
            store=tmp_path / "store.db",
            progress=False,
        )
        for panel, settings in (("trained", SHORTEST), ("relu", {"values": 1000}))
    )
    assert set(trained["sqrt-keep"].metrics) == {"offset", "ratio", "test_error"}
    assert "on digits" in trained.table().to_text()
    assert "error %" in trained.table().to_text()
    assert "digits, relu" not in values.table().to_text()
    assert "error %" not in values.table().to_text()
