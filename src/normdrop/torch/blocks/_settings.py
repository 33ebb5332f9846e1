"""What the layers of one block are built with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import nn

from normdrop.values import blocks
from normdrop.values.blocks import Size

Activation: TypeAlias = str | Callable[[], nn.Module]
Noise: TypeAlias = float | nn.Module
Device: TypeAlias = str | torch.device | int | None


@dataclass(frozen=True, kw_only=True)
class Settings(blocks.BlockSettings):
    """What every layer of a block shares."""

    activation: Activation = "relu"
    dropout: Noise = 0.5
    eps: float = 1e-5
    momentum: float | None = 0.1
    pool_kernel_size: Size = 2
    pool_stride: Size | None = None
    pool_padding: Size = 0
    device: Device = None
    dtype: torch.dtype | None = None

    @property
    def factory(self) -> Mapping[str, Any]:
        """Where, and in which type, parameters are made."""
        return {"device": self.device, "dtype": self.dtype}


Site: TypeAlias = blocks.Site[Settings]
