"""Plain convolutional networks: convolutions with norm, activation and dropout in any order."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from normdrop.torch import Block


def convolutional_network(
    shape: tuple[int, ...],
    outputs: int,
    *,
    order: str,
    widths: Sequence[int],
    **block: Any,  # noqa: ANN401 - what `Block` takes
) -> nn.Sequential:
    """A chain of 3×3 convolutions in blocks of one order, and one linear layer.

    A block with more channels than the one before it halves the size, by its stride.

    Args:
        shape: The input's (channels, height, width).
        outputs: The number of outputs.
        order: Of each block, such as `"conv-bn-act-drop"`; without pooling.
        widths: Channels of each block.
        **block: What else `normdrop.torch.Block` takes, such as `dropout`.

    >>> network = convolutional_network((1, 8, 8), 10, order="conv-bn-act", widths=(8, 16, 16))
    >>> [block.conv.stride[0] for block in network if isinstance(block, Block)]
    [1, 2, 1]
    >>> network[-1]
    Linear(in_features=256, out_features=10, bias=True)
    """
    channels, *size = shape
    layers: list[nn.Module] = []
    for number, width in enumerate(widths):
        stride = 2 if number and width > channels else 1
        layers.append(Block(order, channels, width, stride=stride, **block))
        size = [-(-side // stride) for side in size]
        channels = width
    features = channels * size[0] * size[1]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, outputs))
