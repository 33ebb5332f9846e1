"""Shifts from stored statistics, where noise stands directly before a norm layer."""

import doctest
from pathlib import Path

import pytest
import torch
from torch import nn

from normdrop.shifts.moments import stored_shifts
from normdrop.torch.capture import capture


def _settled(*noises: nn.Module) -> nn.Sequential:
    """A model whose statistics have settled on correlated, uncentred inputs of its own weights."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), *noises, nn.BatchNorm1d(8, momentum=None))
    with torch.no_grad():
        for _ in range(40):
            model(torch.randn(4096, 6) @ torch.linspace(-1, 2, 36).reshape(6, 6))
    return model


@torch.no_grad()
def _variance_in_eval(model: nn.Sequential) -> torch.Tensor:
    torch.manual_seed(2)
    batch = torch.randn(200_000, 6) @ torch.linspace(-1, 2, 36).reshape(6, 6)
    outputs: torch.Tensor = model.eval()[:-1](batch)
    return outputs.var(0, correction=0)


@pytest.mark.parametrize(
    "noises", [(nn.Dropout(0.4),), (nn.Dropout(0.2), nn.Identity(), nn.Dropout(0.3))]
)
def test_variance_before_the_noise(noises: tuple[nn.Module, ...]) -> None:
    """Within 4 % of the eval variance: 160 000 draws leave five standard errors below that."""
    model = _settled(*noises)
    (layer,) = stored_shifts(capture(model, (6,)))
    assert layer.eval_variance == pytest.approx(_variance_in_eval(model).numpy(), rel=0.04)
    assert sum(layer.causes.values()) == pytest.approx(1)
    assert set(layer.causes) == {str(2 + i) for i, n in enumerate(noises) if "Drop" in str(n)}


def test_statistics_that_lag_are_unknown() -> None:
    """A running mean too large for the running variance contradicts the noise."""
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(4))
    model[1].get_buffer("running_mean").fill_(3.0)
    (layer,) = stored_shifts(capture(model, (4,)))
    assert "lag behind" in layer.unknown


@pytest.mark.parametrize("between", [nn.Linear(4, 4), nn.ReLU(), nn.AlphaDropout(0.2)])
def test_only_noise_directly_before_a_norm(between: nn.Module) -> None:
    """Anything between that is not noise of mean 1 leaves the layer out."""
    model = nn.Sequential(nn.Dropout(0.5), between, nn.BatchNorm1d(4))
    assert stored_shifts(capture(model, (4,))) == []


def test_the_page_about_moments_runs() -> None:
    """Every sample of docs/moments.md prints what the page says."""
    page = Path(__file__).parents[3] / "docs" / "moments.md"
    assert doctest.testfile(str(page), module_relative=False).failed == 0
