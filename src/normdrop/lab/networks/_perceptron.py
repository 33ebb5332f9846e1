"""Perceptrons: linear layers with norm, activation and dropout in any order."""

import math
from collections.abc import Sequence
from typing import Any

from torch import nn

from normdrop.torch import Block


def perceptron(
    shape: tuple[int, ...],
    outputs: int,
    *,
    order: str,
    widths: Sequence[int],
    **block: Any,  # noqa: ANN401 - what `Block` takes
) -> nn.Sequential:
    """A multilayer perceptron whose hidden layers are blocks of one order.

    Args:
        shape: The input's; it is flattened.
        outputs: The number of outputs.
        order: Of each hidden layer, such as `"linear-bn-act-drop"`.
        widths: Features of each hidden layer.
        **block: What else `normdrop.torch.Block` takes, such as `dropout`.

    >>> network = perceptron((11,), 1, order="linear-bn-act", widths=(8, 8))
    >>> [type(layer).__name__ for layer in network]
    ['Flatten', 'Block', 'Block', 'Linear']
    """
    layers: list[nn.Module] = [nn.Flatten()]
    features = math.prod(shape)
    for width in widths:
        layers.append(Block(order, features, width, **block))
        features = width
    return nn.Sequential(*layers, nn.Linear(features, outputs))
