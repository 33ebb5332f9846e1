"""The networks, and the initial weights that rivals share."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from normdrop.lab.networks import (
    autoencoder,
    dense_network,
    initialise,
    mobile_network,
    perceptron,
    pre_resnet,
    residual_network,
    resnet,
    resnext,
    two_modules,
    wide_resnet,
)
from normdrop.lab.networks._dense import DensePosition
from normdrop.lab.recipe_names import find
from normdrop.torch import Block, Dropout
from normdrop.values.order import HeadPosition, ResidualPosition

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


_CIFAR = (3, 32, 32)
_PAPERS: list[tuple[str, float, Callable[[], nn.Module]]] = [
    (
        "PreResNet-110, bottlenecks",
        1.70,
        lambda: pre_resnet(_CIFAR, 10, blocks=18, bottleneck=True),
    ),
    ("PreResNet-110, basic", 1.73, lambda: pre_resnet(_CIFAR, 10, blocks=18, bottleneck=False)),
    ("ResNet-110", 1.73, lambda: resnet(_CIFAR, 10, blocks=18, bottleneck=False)),
    ("WRN-28-10", 36.5, lambda: wide_resnet(_CIFAR, 10, depth=28, factor=10)),
    ("ResNeXt-29 8x64", 34.4, lambda: resnext(_CIFAR, 10, depth=29, groups=8, width=64)),
    ("DenseNet-BC-100-12", 0.77, lambda: dense_network(_CIFAR, 10, depth=100, growth=12)),
]


@pytest.mark.parametrize(
    ("millions", "build"), [p[1:] for p in _PAPERS], ids=[p[0] for p in _PAPERS]
)
def test_parameter_counts_are_those_of_the_papers(
    millions: float, build: Callable[[], nn.Module]
) -> None:
    """To the digits that the papers print."""
    with torch.device("meta"):
        network = build()
    count = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    digits = 1 if millions > 10 else 2
    assert round(count, digits) == millions


@pytest.mark.parametrize("position", [f"P{number}" for number in range(8)])
@pytest.mark.parametrize("head", ["H3", "H4", "H5", "H6"])
def test_dropout_stands_where_it_is_asked_for(
    position: ResidualPosition, head: HeadPosition
) -> None:
    """One dropout a block and one in the head; rate 0 leaves none of them."""
    end = {"dropout": 0.2, "position": head}
    small: dict[str, Any] = {"stem": 4, "widths": (4, 8), "blocks": 2}
    network = residual_network(_CIFAR, 10, dropout=0.3, position=position, head=end, **small)
    rates = [module.p for module in network.modules() if isinstance(module, Dropout)]
    assert rates == [0.3] * 4 + [0.2]
    assert network(torch.zeros(2, *_CIFAR)).shape == (2, 10)
    without = residual_network(_CIFAR, 10, **small)
    assert not any(isinstance(module, Dropout) for module in without.modules())


@pytest.mark.parametrize(
    ("position", "order"),
    [("P4", "drop-bn-act-conv"), ("P5", "bn-drop-act-conv"), ("P7", "bn-act-conv-drop")],
)
def test_dense_layers_have_dropout_where_it_is_asked_for(
    position: DensePosition, order: str
) -> None:
    """Every layer of every dense block, and nothing in the transitions."""
    network = dense_network(_CIFAR, 10, depth=10, growth=4, dropout=0.2, position=position)
    orders = [str(module.order) for module in network.modules() if isinstance(module, Block)]
    layer, transition = ["bn-act-conv", order], ["bn-act-conv-pool(avg)"]
    assert orders == [*layer, *transition, *layer, *transition, *layer]
    assert network(torch.zeros(2, *_CIFAR)).shape == (2, 10)


def test_a_mobile_network_adds_where_shapes_agree() -> None:
    """Blocks of stride 1 that keep their channels add; the head has its dropout."""
    network = mobile_network(_CIFAR, 10, head={"dropout": 0.2, "position": "H5"})
    adds = [module.adds for module in network.modules() if hasattr(module, "adds")]
    assert adds == [True, True, False, True, False, True]
    assert [m.p for m in network.modules() if isinstance(m, Dropout)] == [0.2]


def test_a_perceptron_takes_any_order() -> None:
    """Hidden layers of the order, and a plain linear layer at the end."""
    network = perceptron((2, 3), 4, order="linear-drop-bn-act", widths=(5, 6), dropout=0.4)
    assert network(torch.zeros(7, 2, 3)).shape == (7, 4)
    assert [m.p for m in network.modules() if isinstance(m, Dropout)] == [0.4, 0.4]


def test_an_autoencoder_is_as_sparse_as_its_offset_says() -> None:
    """Units before the sigmoid are about N(β, 1): the mean activity is that law's, to 5 %."""
    torch.manual_seed(0)
    network = autoencoder((1, 16, 16), units=512, offset=-3.5)
    x = torch.randn(512, 1, 16, 16)
    expected = (torch.randn(1_000_000) - 3.5).sigmoid().mean().item()
    assert network(x).codes.mean().item() == pytest.approx(expected, rel=0.05)
    assert network(x).reconstruction.shape == x.shape
    assert isinstance(autoencoder((4,), units=3).norm, nn.Identity)
