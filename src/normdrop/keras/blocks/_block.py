"""Layers in any order, from one string."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras

from normdrop.errors import OrderError
from normdrop.keras.blocks._chain import Chain, Shape, written
from normdrop.keras.blocks._parts import build
from normdrop.keras.blocks._settings import (
    Activation,
    Noise,
    Padding,
    Settings,
    check_data_format,
)
from normdrop.keras.layers import DataFormat
from normdrop.values.blocks import (
    Size,
    WeightShape,
    block_dimensions,
    block_weights,
    check_count,
    check_order,
    sites,
)
from normdrop.values.noise import Along
from normdrop.values.order import Order, Role


@keras.saving.register_keras_serializable("normdrop")
class Block(Chain):
    """Layers in the order of a string, such as `"conv-bn-act-pool"`.

    The first weight turns the input's channels into `filters`, and a convolution that is first also
    takes the strides; later weights keep channels and size. Norms go along the axis of the
    channels, and a weight has no bias exactly where a following batch norm cancels it. Layers are
    named after their tokens, a repeated one with its number: `conv`, `bn`, `conv2`, `bn2`.

    Args:
        order: The order; see `normdrop.Order` for the tokens.
        filters: Channels of the output; those of the input if left out.
        dimensions: 1, 2 or 3 axes of positions; 0 for vectors. If left out, 0 where the order has
            `linear`, else 2.
        kernel_size: Of every convolution.
        strides: Of the first convolution.
        padding: Of every convolution, `"same"` or `"valid"`.
        dilation_rate: Of every convolution.
        groups: Of every convolution.
        use_bias: Whether weights have a bias; if left out, as their place in the order demands.
        activation: What `act` means: a name or a function.
        dropout: What `drop` means: a rate, or a noise layer, whose like is made. A rate is what
            `gaussian` means too.
        beta: What `uniform` means.
        along: What shares one value of the noise: `"element"`, `"channel"` or `"sample"`.
        epsilon: Of every norm.
        momentum: Of every batch norm, as Keras has it: the share of the old statistics.
        affine: Whether norms have a scale and a shift.
        pool_size: Of every pooling.
        pool_strides: Of every pooling; its size if left out.
        data_format: `"channels_last"` or `"channels_first"`; Keras' own setting if left out.
        seed: Of the noise.
        **kwargs: What every Keras layer takes, such as `name` and `dtype`.

    Raises:
        OrderError: If `order` is not an order, or does not build in these dimensions or channels.
        UsageError: If another argument does not fit.

    Example:
        >>> block = Block("conv-bn-act-pool", 64)
        >>> block.compute_output_shape((None, 8, 8, 3))
        (None, 4, 4, 64)
        >>> block.build((None, 8, 8, 3))
        >>> [layer.name for layer in block.parts]
        ['conv', 'bn', 'act', 'pool']
    """

    def __init__(
        self,
        order: str | Order,
        filters: int | None = None,
        *,
        dimensions: int | None = None,
        kernel_size: Size = 3,
        strides: Size = 1,
        padding: Padding = "same",
        dilation_rate: Size = 1,
        groups: int = 1,
        use_bias: bool | None = None,
        activation: Activation = "relu",
        dropout: Noise = 0.5,
        beta: float = 0.1,
        along: Along = "element",
        epsilon: float = 1e-3,
        momentum: float = 0.99,
        affine: bool = True,
        pool_size: Size = 2,
        pool_strides: Size | None = None,
        data_format: DataFormat | None = None,
        seed: int | None = None,
        **kwargs: Any,  # noqa: ANN401 - what Keras' own layer takes
    ) -> None:
        self.order = order if isinstance(order, Order) else Order(order)
        data_format = check_data_format(data_format)
        super().__init__(written(Block, {**locals(), "order": str(order)}), **kwargs)
        self.settings = Settings(
            dimensions=block_dimensions(self.order, dimensions),
            activation=activation,
            dropout=dropout,
            beta=beta,
            along=along,
            epsilon=epsilon,
            momentum=momentum,
            affine=affine,
            pool_size=pool_size,
            pool_strides=pool_strides,
            data_format=data_format,
            seed=seed,
            dtype=self.dtype_policy,
        )
        check_order(self.order, self.settings.dimensions)
        self.filters = _filters(self.order, filters)
        self.first = WeightShape(
            self.filters or 1, kernel_size, strides, padding, dilation_rate, groups, use_bias
        )

    def make_parts(self, input_shape: Shape) -> Sequence[keras.layers.Layer]:
        """The layers for inputs of a shape."""
        channels = input_shape[self.settings.channel_axis]
        if channels is None:
            raise OrderError(f"the channels of inputs of shape {input_shape} must be known")
        first = replace(self.first, out_channels=self.filters or channels)
        weights = block_weights(self.order, first)
        return build(sites(self.order, channels, weights, self.settings))


def _filters(order: Order, filters: int | None) -> int | None:
    """How many channels leave the block; none for those that enter it."""
    if filters is None:
        return None
    check_count("filters", filters)
    if not any(token.role is Role.WEIGHT for token in order):
        raise OrderError(
            f"order {str(order)!r} has no conv or linear that could make {filters} channels; "
            "leave filters out"
        )
    return filters
