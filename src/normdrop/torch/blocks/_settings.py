"""What the layers of one block are built with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import nn

from normdrop.values import blocks
from normdrop.values.blocks import Size
from normdrop.values.noise import Along, check_along

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

    def __post_init__(self) -> None:
        """Refuse a wrong word also where no layer of the block takes it."""
        check_along(self.along)

    @property
    def factory(self) -> Mapping[str, Any]:
        """Where, and in which type, parameters are made."""
        return {"device": self.device, "dtype": self.dtype}


Site: TypeAlias = blocks.Site[Settings]
