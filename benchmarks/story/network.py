"""The story's network: a small PreResNet whose dropout stands where it does harm, or nowhere."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from torch import nn

from normdrop.torch import ResidualBlock
from normdrop.values.order import ResidualPosition

RATE = 0.5
VARIANTS: Mapping[str, ResidualPosition | None] = MappingProxyType(
    {"before the last norm": "P4", "after the last norm": "P5", "none": None}
)
"""Where each branch has its dropout: Li's position (a), guideline 1 of Kim et al., nowhere."""
_WIDTHS = (16, 32, 64)
_BLOCKS = 2
_CLASSES = 10


def network(variant: str) -> nn.Sequential:
    """A PreResNet of three stages on images of shape (3, 32, 32), which it halves at once.

    Two blocks of two convolutions a stage; 16, 32 and 64 channels on 16, 8 and 4 pixels a side.
    """
    return nn.Sequential(
        nn.Conv2d(3, _WIDTHS[0], 3, stride=2, padding=1, bias=False),
        *_blocks(VARIANTS[variant]),
        nn.BatchNorm2d(_WIDTHS[-1]),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(_WIDTHS[-1], _CLASSES),
    )


def _blocks(position: ResidualPosition | None) -> Iterator[ResidualBlock]:
    channels = _WIDTHS[0]
    for stage, width in enumerate(_WIDTHS):
        for number in range(_BLOCKS):
            yield ResidualBlock(
                channels,
                width,
                dropout=0.0 if position is None else RATE,
                position=position or "P5",
                stride=2 if stage and not number else 1,
            )
            channels = width
