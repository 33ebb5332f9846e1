"""What the layers of one block are built with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import keras

from normdrop.errors import UsageError
from normdrop.keras.layers import DataFormat
from normdrop.values import blocks
from normdrop.values.blocks import Size

Padding: TypeAlias = Literal["same", "valid"]
Activation: TypeAlias = str | Callable[..., Any]
Noise: TypeAlias = float | keras.layers.Layer


@dataclass(frozen=True, kw_only=True)
class Settings(blocks.BlockSettings):
    """What every layer of a block shares."""

    activation: Activation = "relu"
    dropout: Noise = 0.5
    epsilon: float = 1e-3
    momentum: float = 0.99
    pool_size: Size = 2
    pool_strides: Size | None = None
    data_format: DataFormat = "channels_last"
    seed: int | None = None
    dtype: Any = None

    @property
    def channel_axis(self) -> int:
        """The axis of the channels."""
        return 1 if self.data_format == "channels_first" and self.dimensions else -1


Site: TypeAlias = blocks.Site[Settings]


def check_data_format(data_format: str | None) -> DataFormat:
    """A data format, Keras' own setting if left out.

    Raises:
        UsageError: If it is none of the two.
    """
    chosen = keras.config.image_data_format() if data_format is None else data_format
    if chosen == "channels_last":
        return "channels_last"
    if chosen == "channels_first":
        return "channels_first"
    raise UsageError(f"data_format must be 'channels_last' or 'channels_first', not {chosen!r}")
