"""Inversion against brute force on settled statistics, and what it refuses."""

import numpy as np
import pytest
import torch
from family.truth import brute_force, install, norms, statistics
from torch import Tensor, nn

from normdrop.errors import UsageError
from normdrop.torch._running import initial_share
from normdrop.verbs import invert, predict, stored_fit


def _images(count: int, seed: int) -> Tensor:
    """Overlapping bright squares: neither normal nor pink, as data are."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.zeros(count, 3, 12, 12)
    for image in images:
        for _ in range(3):
            row, column, size = torch.randint(2, 8, (3,), generator=generator).tolist()
            colour = torch.randn(3, 1, 1, generator=generator)
            image[:, row : row + size, column : column + size] += colour
    return images / images.std()


def _network(activation: type[nn.Module]) -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        *(nn.Conv2d(3, 12, 3, padding=1), nn.Dropout(0.5), nn.BatchNorm2d(12), activation()),
        *(nn.MaxPool2d(2), nn.Conv2d(12, 16, 3, padding=1), nn.BatchNorm2d(16), activation()),
        *(nn.Dropout(0.3), nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16)),
    )


def _settled(activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    model = _network(activation)
    install(model, statistics(model, [_images(256, 2)], train=True))
    _count(model, 1000)
    return model


def _count(model: nn.Module, batches: int) -> None:
    for path in norms(model):
        model.get_buffer(f"{path}.num_batches_tracked").fill_(batches)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.SiLU])
def test_matches_brute_force_on_data_it_never_saw(activation: type[nn.Module]) -> None:
    """Every layer is within 12 % of hook-by-hook measurement on the data behind the statistics.

    The band is three times what ten seeds showed at most.
    """
    report = invert(_settled(activation), (3, 12, 12))
    truth = brute_force(_network(activation), [_images(256, 3), _images(256, 4)])
    assert report.method == "invert"
    for layer in report:
        assert abs(np.log(layer.shift / truth[layer.path].shift)) < 0.12
    assert set(report["2"].causes) == {"1"}


def test_statistics_of_other_weights_are_refused() -> None:
    """When the weights have moved on, no input shows the stored statistics, and nothing is said."""
    model = _settled()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.add_(0.5 * parameter.std() * torch.randn_like(parameter))
    report = invert(model, (3, 12, 12))
    assert all("do not fit" in layer.unknown for layer in report)
    assert "measure on real data" in report.notes[0]
    assert report.findings == ()


def test_initial_values_that_still_weigh_are_refused() -> None:
    """After 20 batches at momentum 0.01 the initial variance of 1 weighs 82 %, and it is told."""
    model = _network(nn.ReLU)
    for norm in norms(model).values():
        norm.momentum = 0.01
    model.train()
    with torch.no_grad():
        for seed in range(20):
            model(_images(64, seed))
    assert initial_share(model) == pytest.approx(0.99**20)
    report = invert(model, (3, 12, 12))
    assert "82 %" in report.notes[0]


def test_counts_that_cannot_be_true_say_nothing() -> None:
    """Statistics set by hand leave a count of batches behind that their variances contradict."""
    model = _settled()
    _count(model, 1)
    for path in norms(model):
        model.get_buffer(f"{path}.running_var")[0] = 0.01
    assert initial_share(model) == 0


def test_settled_statistics_fit() -> None:
    """The mismatch of settled statistics is far below that of the same ones scaled unevenly."""
    model = _settled()
    settled = stored_fit(model, (3, 12, 12))
    for path, norm in norms(model).items():
        factors = torch.linspace(0.5, 2, norm.num_features)
        model.get_buffer(f"{path}.running_var").mul_(factors)
    assert not settled.lags
    assert stored_fit(model, (3, 12, 12)).mismatch > 3 * settled.mismatch


def test_method_follows_the_weights() -> None:
    """Fresh statistics are simulated, any other inverted, unless a method is asked for."""
    assert predict(_network(nn.ReLU), (3, 12, 12)).method == "simulate"
    assert predict(_settled(), (3, 12, 12)).method == "invert"
    assert predict(_settled(), (3, 12, 12), "simulate").method == "simulate"


def test_unknown_method_is_named() -> None:
    """A method that does not exist is refused with those that do."""
    with pytest.raises(UsageError, match=r"'guess'.*simulate"):
        predict(_settled(), (3, 12, 12), "guess")  # type: ignore[arg-type] # wrong on purpose


def test_whole_numbers_cannot_be_optimised() -> None:
    """A model of tokens alone has no input to move, and the error says what to do."""
    model = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.BatchNorm1d(12))
    model.get_buffer("2.running_mean").fill_(0.3)
    with pytest.raises(UsageError, match="simulate"):
        invert(model, torch.randint(10, (2, 3)))
