"""Losses: right against a slow twin, and the network is left as it was found."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from normdrop.lab.data import Split
from normdrop.lab.evaluate import eval_mode_loss, train_mode_loss
from normdrop.lab.examples import Examples
from normdrop.lab.task import CLASSIFICATION

_NOISE = np.random.default_rng(0)
EXAMPLES = Examples.of(
    Split(_NOISE.normal(size=(1105, 5)).astype(np.float32), _NOISE.integers(0, 3, 1105)),
    torch.device("cpu"),
)


def _network(rate: float = 0.5) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(5, 8), nn.Dropout(rate), nn.BatchNorm1d(8, momentum=0.5), nn.Linear(8, 3)
    )


def test_eval_loss_against_one_example_at_a_time() -> None:
    """The mean over examples, not over batches, of which the last is smaller."""
    network = _network()
    loss, accuracy = eval_mode_loss(network, EXAMPLES, CLASSIFICATION)
    network.eval()
    logits = torch.stack([network(x[None])[0] for x in EXAMPLES.inputs]).double()
    truth = EXAMPLES.targets
    wanted = -logits.log_softmax(1)[torch.arange(len(truth)), truth].mean().item()
    assert loss == pytest.approx(wanted, rel=1e-6)
    assert accuracy == pytest.approx((logits.argmax(1) == truth).double().mean().item())


def test_train_loss_uses_each_batchs_own_statistics() -> None:
    """Without dropout it is the loss with every batch normalised by itself."""
    network = _network(rate=0.0)
    loss = train_mode_loss(network, EXAMPLES, CLASSIFICATION, 100, seed=0)
    total = 0.0
    for x, y in zip(EXAMPLES.inputs.split(100), EXAMPLES.targets.split(100), strict=True):  # type: ignore[no-untyped-call]
        hidden = network[0](x)  # type: ignore[index]
        hidden = (hidden - hidden.mean(0)) / (hidden.var(0, unbiased=False) + 1e-5).sqrt()
        logits = network[3](hidden).double()  # type: ignore[index]
        total -= logits.log_softmax(1)[torch.arange(len(y)), y].sum().item()
    assert loss == pytest.approx(total / len(EXAMPLES), rel=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_looking_changes_nothing(*, training: bool) -> None:
    """Mode, running statistics, weights and random state are what they were."""
    network = _network().train(training)
    before = copy.deepcopy(network.state_dict())
    state = torch.get_rng_state()
    first = train_mode_loss(network, EXAMPLES, CLASSIFICATION, 100, seed=3)
    eval_mode_loss(network, EXAMPLES, CLASSIFICATION)
    assert first == train_mode_loss(network, EXAMPLES, CLASSIFICATION, 100, seed=3)
    assert network.training is training
    assert torch.equal(torch.get_rng_state(), state)
    after = network.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_the_network_is_put_back_after_an_exception() -> None:
    """Mode and running statistics are put back when the network raises half way."""
    network = _network().eval()
    before = copy.deepcopy(network.state_dict())
    broken = nn.Sequential(network, nn.Linear(4, 3)).eval()
    with pytest.raises(RuntimeError):
        train_mode_loss(broken, EXAMPLES, CLASSIFICATION, 100, seed=0)
    assert not network.training
    assert all(torch.equal(network.state_dict()[name], before[name]) for name in before)
