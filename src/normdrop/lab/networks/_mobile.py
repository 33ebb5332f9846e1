"""A mobile network for small images: inverted residuals with depthwise convolutions."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from normdrop.torch import Head

_CAP = 6.0
"""Where MobileNetV2's activation is cut off."""


class _InvertedResidual(nn.Module):
    """1×1 to more channels, 3×3 in each of them, 1×1 back without activation; a sum if it fits."""

    def __init__(self, channels: int, width: int, expansion: int, stride: int) -> None:
        super().__init__()
        inside = expansion * channels
        self.branch = nn.Sequential(
            *_unit(channels, inside, 1, 1, 1),
            *_unit(inside, inside, 3, stride, inside),
            nn.Conv2d(inside, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.adds = stride == 1 and channels == width

    def forward(self, x: Tensor) -> Tensor:
        """(batch, width, height, width), the sides divided by the stride."""
        y: Tensor = self.branch(x)
        return x + y if self.adds else y


def _unit(channels: int, width: int, kernel: int, stride: int, groups: int) -> list[nn.Module]:
    """Convolution, norm, activation."""
    padding = kernel // 2
    return [
        nn.Conv2d(channels, width, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(width),
        nn.Hardtanh(0.0, _CAP, inplace=True),
    ]


def mobile_network(
    shape: tuple[int, ...],
    classes: int,
    *,
    stem: int = 16,
    widths: Sequence[int] = (16, 24, 32),
    blocks: int = 2,
    expansion: int = 6,
    hidden: int = 128,
    head: dict[str, Any] | None = None,
) -> nn.Sequential:
    """MobileNetV2 (Sandler et al. 2018), small: stages of inverted residuals, and a wide head.

    Args:
        shape: The input's (channels, height, width).
        classes: The number of outputs.
        stem: Channels of the first convolution.
        widths: Channels of each stage, of which all but the first halve the size.
        blocks: Inverted residuals in each stage.
        expansion: Channels inside them, in units of those outside.
        hidden: Channels of the 1×1 convolution in the head.
        head: What else `normdrop.torch.Head` takes, such as `dropout` and `position`.

    >>> import torch
    >>> mobile_network((3, 32, 32), 10)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    layers: list[nn.Module] = _unit(shape[0], stem, 3, 1, 1)
    channels = stem
    for stage, width in enumerate(widths):
        for number in range(blocks):
            stride = 2 if stage and not number else 1
            layers.append(_InvertedResidual(channels, width, expansion, stride))
            channels = width
    end = Head(channels, classes, hidden=hidden, norm=True, activation="relu", **(head or {}))
    return nn.Sequential(*layers, end)
