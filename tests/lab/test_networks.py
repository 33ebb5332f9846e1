"""The networks, and the initial weights that rivals share."""

import math

import pytest
import torch
from torch import nn

from normdrop.lab.networks import initialise, two_modules
from normdrop.lab.recipe import find

ORDERS = find("ten-orders").variants
MNIST = (1, 28, 28)


def _weights(network: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    return [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


@pytest.mark.parametrize("order", ORDERS)
def test_parameters_are_those_of_the_table(order: str) -> None:
    """Each weight has the published shape and a bias, and batch norm has Keras' constants."""
    network = two_modules(order, MNIST, 10, padding="valid", momentum=0.01)
    shapes = [(tuple(w.weight.shape), w.bias is not None) for w in _weights(network)]
    assert shapes == [
        ((32, 1, 3, 3), True),
        ((64, 32, 3, 3), True),
        ((512, 64 * 5 * 5), True),
        ((10, 512), True),
    ]
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert [n.num_features for n in norms] == [32, 64]
    assert {(n.eps, n.momentum) for n in norms} == {(1e-3, 0.01)}


def test_modules_stand_in_the_order_asked_for() -> None:
    """The kinds of layers follow the string, with the published rates."""
    network = two_modules("conv-drop-bn-act-pool", MNIST, 10, padding="valid", momentum=0.01)
    names = [type(m).__name__ for m in network.modules() if not list(m.children())]
    module = ["Conv2d", "Dropout", "BatchNorm2d", "ELU", "MaxPool2d"]
    assert names == [*module, *module, "Flatten", "Linear", "ELU", "Linear"]
    rates = [m.p for m in network.modules() if type(m).__name__ == "Dropout"]
    assert rates == [0.2, 0.3]


def test_equal_seeds_give_all_orders_equal_weights() -> None:
    """Orders trained with one seed start from the same weights; another seed from others."""
    first, *others = [
        two_modules(order, MNIST, 10, padding="valid", momentum=0.01) for order in ORDERS
    ]
    for network in (first, *others):
        initialise(network, seed=5)
    for network in others:
        for ours, theirs in zip(_weights(network), _weights(first), strict=True):
            assert torch.equal(ours.weight, theirs.weight)
    before = _weights(first)[0].weight.clone()
    initialise(first, seed=6)
    assert not torch.equal(_weights(first)[0].weight, before)


def test_layers_of_one_shape_differ() -> None:
    """The second of two equal layers gets its own weights, and so does another kind of layer."""
    network = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    initialise(network, seed=0)
    one, two = _weights(network)
    assert not torch.equal(one.weight, two.weight)


def test_weights_are_glorot_uniform() -> None:
    """Weights fill ±√(6/(fan in + fan out)) with the variance of a uniform; biases are zero.

    The variance of n uniform numbers has a relative standard error of √(0.8/n); five of them are
    allowed, an error level below 1e-6 for each of the four layers.
    """
    network = two_modules(ORDERS[0], MNIST, 10, padding="valid", momentum=0.01)
    initialise(network, seed=0)
    fans = [(9, 288), (288, 576), (1600, 512), (512, 10)]
    for layer, (fan_in, fan_out) in zip(_weights(network), fans, strict=True):
        limit = math.sqrt(6 / (fan_in + fan_out))
        weight = layer.weight.detach()
        assert weight.abs().max() <= limit
        allowed = 5 * math.sqrt(0.8 / weight.numel())
        assert abs(weight.square().mean().item() / (limit**2 / 3) - 1) < allowed
        assert layer.bias is not None
        assert not layer.bias.any()
