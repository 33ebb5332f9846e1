"""Layers in any order, from one string."""

import torch

from normdrop.errors import OrderError
from normdrop.torch.blocks._call import written_call
from normdrop.torch.blocks._chain import Chain
from normdrop.torch.blocks._parts import build
from normdrop.torch.blocks._settings import (
    Activation,
    Device,
    Noise,
    Settings,
)
from normdrop.values.blocks import (
    Padding,
    Size,
    WeightShape,
    block_dimensions,
    block_weights,
    check_count,
    per_dimension,
    sites,
)
from normdrop.values.noise import Along
from normdrop.values.order import Order, Role


class Block(Chain):
    """Layers in the order of a string, such as `"conv-bn-act-pool"`.

    The first weight turns `in_channels` into `out_channels`, and a convolution that is first also
    takes the stride; later weights keep channels and size. A norm has the channels of its place,
    and a weight has no bias exactly where a following batch norm cancels it. Layers are named after
    their tokens, a repeated one with its number: `conv`, `bn`, `conv2`, `bn2`.

    The input is `(N, C)` for `linear`, else `(N, C, L)`, `(N, C, H, W)` or `(N, C, D, H, W)`.

    Args:
        order: The order; see `normdrop.Order` for the tokens.
        in_channels: Channels, or features, of the input.
        out_channels: Channels of the output; those of the input if left out.
        dimensions: 1, 2 or 3 axes of positions; 0 for vectors. If left out, 0 where the order has
            `linear`, else 2.
        kernel_size: Of every convolution.
        stride: Of the first convolution.
        padding: Of every convolution: a number, `"valid"` for none, or `"same"`, which keeps the
            size at stride 1 and needs an odd kernel.
        dilation: Of every convolution.
        groups: Of every convolution.
        bias: Whether weights have a bias; if left out, as their place in the order demands.
        activation: What `act` means: a name, a class or a function that makes a layer.
        dropout: What `drop` means: a rate, or a noise layer, which is copied. A rate is what
            `gaussian` means too.
        beta: What `uniform` means.
        along: What shares one value of the noise: `"element"`, `"channel"` or `"sample"`.
        eps: Of every norm.
        momentum: Of every batch norm, as in `torch.nn.BatchNorm2d`.
        affine: Whether norms have a scale and a shift.
        pool_kernel_size: Of every pooling.
        pool_stride: Of every pooling; its kernel size if left out.
        pool_padding: Of every pooling.
        device: Where parameters are made.
        dtype: In which type parameters are made.

    Raises:
        OrderError: If `order` is not an order, or does not build in these dimensions or channels.
        UsageError: If another argument does not fit.

    Example:
        >>> import torch
        >>> block = Block("conv-bn-act-pool", 3, 64)
        >>> block
        Block('conv-bn-act-pool', 3, 64)
        >>> block(torch.zeros(2, 3, 8, 8)).shape
        torch.Size([2, 64, 4, 4])
        >>> list(block.state_dict())[:2]
        ['conv.weight', 'bn.weight']
    """

    def __init__(
        self,
        order: str | Order,
        in_channels: int,
        out_channels: int | None = None,
        *,
        dimensions: int | None = None,
        kernel_size: Size = 3,
        stride: Size = 1,
        padding: Padding = "same",
        dilation: Size = 1,
        groups: int = 1,
        bias: bool | None = None,
        activation: Activation = "relu",
        dropout: Noise = 0.5,
        beta: float = 0.1,
        along: Along = "element",
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        pool_kernel_size: Size = 2,
        pool_stride: Size | None = None,
        pool_padding: Size = 0,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        order = order if isinstance(order, Order) else Order(order)
        call = written_call(Block, {**locals(), "order": str(order)})
        settings = Settings(
            dimensions=block_dimensions(order, dimensions),
            activation=activation,
            dropout=dropout,
            beta=beta,
            along=along,
            eps=eps,
            momentum=momentum,
            affine=affine,
            pool_kernel_size=pool_kernel_size,
            pool_stride=pool_stride,
            pool_padding=pool_padding,
            device=device,
            dtype=dtype,
        )
        padded = any(per_dimension("pool_padding", pool_padding, settings.dimensions))
        out = _out_channels(order, in_channels, out_channels)
        first = WeightShape(out, kernel_size, stride, padding, dilation, groups, bias)
        weights = block_weights(order, first)
        layers = sites(order, in_channels, weights, settings, padded_pool=padded)
        super().__init__(call, build(layers))
        self.order = order


def _out_channels(order: Order, in_channels: int, out_channels: int | None) -> int:
    """How many channels leave the block."""
    check_count("in_channels", in_channels)
    if out_channels is None:
        return in_channels
    check_count("out_channels", out_channels)
    if out_channels != in_channels and not any(token.role is Role.WEIGHT for token in order):
        raise OrderError(
            f"order {str(order)!r} has no conv or linear that could turn {in_channels} channels "
            f"into {out_channels}"
        )
    return out_channels
