"""DenseNet-BC for small images."""

from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from normdrop.torch import Block, Head

DensePosition: TypeAlias = Literal["P4", "P5", "P7"]
"""In a layer: before its last norm, between that and its last weight, or at its end."""

_STAGES = 3
_INSIDE = 4
"""Channels between the two convolutions of a layer, in units of the growth."""
_LAST: dict[DensePosition, str] = {
    "P4": "drop-bn-act-conv",
    "P5": "bn-drop-act-conv",
    "P7": "bn-act-conv-drop",
}


class _DenseLayer(nn.Module):
    """Norm, activation, 1×1 convolution and again with 3×3, put beside the input."""

    def __init__(
        self, channels: int, growth: int, dropout: float | nn.Module, position: DensePosition
    ) -> None:
        super().__init__()
        last = _LAST[position] if dropout else "bn-act-conv"
        self.branch = nn.Sequential(
            Block("bn-act-conv", channels, _INSIDE * growth, kernel_size=1),
            Block(last, _INSIDE * growth, growth, dropout=dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) with `growth` channels more."""
        return torch.cat([x, self.branch(x)], dim=1)


def dense_network(
    shape: tuple[int, ...],
    classes: int,
    *,
    depth: int,
    growth: int,
    dropout: float | nn.Module = 0.0,
    position: DensePosition = "P5",
    head: dict[str, Any] | None = None,
) -> nn.Sequential:
    """DenseNet-BC (Huang et al. 2017): bottleneck layers, and transitions that halve the channels.

    Three dense blocks of `(depth - 4) / 6` layers on the input's size, a half and a quarter of it.

    Args:
        shape: The input's (channels, height, width).
        classes: The number of outputs.
        depth: Weights on the longest way: 100 for 16 layers a block.
        growth: Channels each layer adds.
        dropout: The rate in every layer, or a noise layer, which is copied; 0 for none.
        position: Where in a layer; `"P7"` is where the paper has it.
        head: What else `normdrop.torch.Head` takes.

    >>> network = dense_network((3, 32, 32), 10, depth=100, growth=12)
    >>> round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 2)
    0.77
    """
    channels = 2 * growth
    layers: list[nn.Module] = [nn.Conv2d(shape[0], channels, 3, padding=1, bias=False)]
    for stage in range(_STAGES):
        if stage:
            order = "bn-act-conv-pool(avg)"
            layers.append(Block(order, channels, channels // 2, kernel_size=1))
            channels //= 2
        for _ in range((depth - 4) // 6):
            layers.append(_DenseLayer(channels, growth, dropout, position))
            channels += growth
    return nn.Sequential(
        *layers, Head(channels, classes, norm=True, activation="relu", **(head or {}))
    )
