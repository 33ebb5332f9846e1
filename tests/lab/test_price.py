"""The price of the shift: what wrong statistics cost, with dropout off on both sides."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from normdrop.lab.context import Trained, TrialContext
from normdrop.lab.data import Dataset
from normdrop.lab.measures import PRICE, price
from normdrop.lab.task import CLASSIFICATION
from normdrop.lab.trial import Trial
from normdrop.verbs import recalibrate


def _network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.BatchNorm1d(32), nn.Linear(32, 10)
    )


def _trained(network: nn.Module, trial: Trial, digits: Dataset) -> Trained:
    context = TrialContext(trial, CLASSIFICATION, digits)
    network.train()
    for _ in range(12):
        for inputs, _ in context.training.batches(512):
            network(inputs)
    return Trained(context, network, ())


def test_it_is_the_loss_that_recalibration_wins_back(
    tiny_trial: Callable[..., Trial], digits: Dataset, tiny: str
) -> None:
    """Stored statistics doubled in variance cost what right ones do not; the network is kept."""
    network = _network()
    trained = _trained(network, tiny_trial(tiny), digits)
    recalibrate(network, [inputs for inputs, _ in trained.bench.training.batches(500)])
    assert price(trained)[PRICE.name] == pytest.approx(0, abs=1e-5)
    norm = network[3]
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_var is not None
    before = norm.running_var.clone()
    norm.running_var *= 4
    assert abs(price(trained)[PRICE.name]) > 1e-3
    assert torch.equal(norm.running_var, 4 * before)


def test_what_remembers_nothing_has_no_price(
    tiny_trial: Callable[..., Trial], digits: Dataset, tiny: str
) -> None:
    """Without norm layers, and with group norm, there are no stored statistics to be wrong."""
    for norm in (nn.Identity(), nn.GroupNorm(4, 32)):
        network = _network()
        network[3] = norm
        assert price(_trained(network, tiny_trial(tiny), digits)) == {}
