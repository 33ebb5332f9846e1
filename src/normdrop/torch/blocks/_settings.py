"""What the layers of one block are built with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import nn

from normdrop.errors import UsageError
from normdrop.values.noise import Along
from normdrop.values.order import Order, Token

Size: TypeAlias = int | Sequence[int]
Padding: TypeAlias = Size | Literal["same", "valid"]
Activation: TypeAlias = str | Callable[[], nn.Module]
Noise: TypeAlias = float | nn.Module
Device: TypeAlias = str | torch.device | int | None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every layer of a block shares; `dimensions` 0 means vectors, without positions."""

    dimensions: int
    activation: Activation = "relu"
    dropout: Noise = 0.5
    beta: float = 0.1
    along: Along = "element"
    eps: float = 1e-5
    momentum: float | None = 0.1
    affine: bool = True
    pool_kernel_size: Size = 2
    pool_stride: Size | None = None
    pool_padding: Size = 0
    device: Device = None
    dtype: torch.dtype | None = None

    @property
    def factory(self) -> Mapping[str, Any]:
        """Where, and in which type, parameters are made."""
        return {"device": self.device, "dtype": self.dtype}


@dataclass(frozen=True)
class Weight:
    """The shape of one weight; a linear layer has only `out_channels` and `bias`.

    A `bias` of none leaves the choice to the weight's position in the order.
    """

    out_channels: int
    kernel_size: Size = 1
    stride: Size = 1
    padding: Padding = "same"
    dilation: Size = 1
    groups: int = 1
    bias: bool | None = None


@dataclass(frozen=True)
class Site:
    """The place in a block where one layer goes.

    Attributes:
        order: The block's order, for error messages.
        token: What to build.
        channels: How many channels enter.
        settings: What every layer of the block shares.
        weight: The weight's shape, where the token is a weight.
        bias: Whether that weight has a bias.
    """

    order: Order
    token: Token
    channels: int
    settings: Settings
    weight: Weight = Weight(1)
    bias: bool = True


def per_dimension(name: str, size: Size, dimensions: int) -> tuple[int, ...]:
    """A size as one number per dimension.

    Raises:
        UsageError: If it is a sequence of another length.
    """
    if isinstance(size, int):
        return (size,) * dimensions
    if len(size) != dimensions:
        raise UsageError(
            f"{name}={size!r} has {len(size)} numbers for {dimensions} dimensions; "
            f"give one number, or {dimensions}"
        )
    return tuple(size)


def check_channels(name: str, count: int) -> int:
    """A number of channels, checked.

    Raises:
        UsageError: If it is not a whole number of at least 1.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise UsageError(f"{name} must be a whole number of at least 1, not {count!r}")
    return count
