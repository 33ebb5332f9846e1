"""What the layers of one block are built with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import keras

from normdrop.errors import UsageError
from normdrop.keras.layers import Along, DataFormat
from normdrop.values.order import Order, Token

Size: TypeAlias = int | Sequence[int]
Padding: TypeAlias = Literal["same", "valid"]
Activation: TypeAlias = str | Callable[..., Any]
Noise: TypeAlias = float | keras.layers.Layer


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every layer of a block shares; `dimensions` 0 means vectors, without positions."""

    dimensions: int
    activation: Activation = "relu"
    dropout: Noise = 0.5
    beta: float = 0.1
    along: Along = "element"
    epsilon: float = 1e-3
    momentum: float = 0.99
    affine: bool = True
    pool_size: Size = 2
    pool_strides: Size | None = None
    data_format: DataFormat = "channels_last"
    seed: int | None = None
    dtype: Any = None

    @property
    def channel_axis(self) -> int:
        """The axis of the channels."""
        return 1 if self.data_format == "channels_first" and self.dimensions else -1


@dataclass(frozen=True)
class Weight:
    """The shape of one weight; a dense layer has only `filters` and `use_bias`.

    `filters` of none keeps the input's channels; a `use_bias` of none leaves the choice to the
    weight's position in the order.
    """

    filters: int | None
    kernel_size: Size = 1
    strides: Size = 1
    padding: Padding = "same"
    dilation_rate: Size = 1
    groups: int = 1
    use_bias: bool | None = None


@dataclass(frozen=True)
class Site:
    """The place in a block where one layer goes.

    Attributes:
        order: The block's order, for error messages.
        token: What to build.
        channels: How many channels enter.
        settings: What every layer of the block shares.
        weight: The weight's shape, where the token is a weight.
        use_bias: Whether that weight has a bias.
        name: The layer's name.
    """

    order: Order
    token: Token
    channels: int
    settings: Settings
    weight: Weight
    use_bias: bool
    name: str


def check_dimensions(dimensions: int) -> int:
    """A number of axes of positions, checked.

    Raises:
        UsageError: If it is none of 0, 1, 2, 3.
    """
    if dimensions not in {0, 1, 2, 3}:
        raise UsageError(f"dimensions must be 1, 2 or 3, or 0 for vectors, not {dimensions!r}")
    return dimensions


def check_count(name: str, count: int) -> int:
    """A number of channels, checked.

    Raises:
        UsageError: If it is not a whole number of at least 1.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise UsageError(f"{name} must be a whole number of at least 1, not {count!r}")
    return count


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
