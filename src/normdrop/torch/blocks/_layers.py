"""The layers of each token: weights, norms, activations, noise and pooling.

A new token has its function in `PARTS`.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import partial
from typing import Any

from torch import Tensor, nn

from normdrop.errors import UsageError
from normdrop.torch import layers
from normdrop.torch.blocks._settings import Activation, Noise, Settings, Site
from normdrop.values import operations
from normdrop.values.blocks import Size, WeightShape, per_dimension
from normdrop.values.noise import Along
from normdrop.values.operations import NOISES, NoiseOperation
from normdrop.values.order import ACTIVATIONS, group_count

_CONV = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def conv(site: Site) -> nn.Module:
    """A convolution."""
    weight, dimensions = site.weight, site.settings.dimensions
    layer: Any = _CONV[dimensions]  # each types its sizes as tuples of its own length
    made: nn.Module = layer(
        site.channels,
        weight.out_channels,
        kernel_size=_sizes("kernel_size", weight.kernel_size, dimensions),
        stride=_sizes("stride", weight.stride, dimensions),
        padding=_padding(weight, dimensions),
        dilation=_sizes("dilation", weight.dilation, dimensions),
        groups=weight.groups,
        bias=site.bias,
        **site.settings.factory,
    )
    return made


def linear(site: Site) -> nn.Module:
    """A linear layer."""
    return nn.Linear(
        site.channels, site.weight.out_channels, bias=site.bias, **site.settings.factory
    )


def _sizes(name: str, size: Size, dimensions: int) -> tuple[int, ...]:
    """One number of at least 1 per dimension."""
    sizes = per_dimension(name, size, dimensions)
    if min(sizes) < 1:
        raise UsageError(f"{name}={size!r} must be at least 1")
    return sizes


def _padding(weight: WeightShape, dimensions: int) -> tuple[int, ...]:
    """Padding as numbers; `"same"` keeps the size at stride 1 and divides it by the stride."""
    if weight.padding == "valid":
        return (0,) * dimensions
    if isinstance(weight.padding, str) and weight.padding != "same":
        raise UsageError(
            f"padding={weight.padding!r} must be 'same', 'valid', a number or one per dimension"
        )
    if weight.padding != "same":
        return per_dimension("padding", weight.padding, dimensions)
    kernel = _sizes("kernel_size", weight.kernel_size, dimensions)
    dilation = _sizes("dilation", weight.dilation, dimensions)
    reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if any(total % 2 for total in reach):
        raise UsageError(
            f"kernel_size={weight.kernel_size!r} cannot be padded evenly on both sides; "
            "give padding as a number, for instance padding=0"
        )
    return tuple(total // 2 for total in reach)


_BATCH_NORM = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


class ChannelLayerNorm(nn.LayerNorm):
    """Layer norm over the channels of `(N, C, ...)`, at each position on its own."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalised `x`, of its shape."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


def batch_norm(site: Site) -> nn.Module:
    """Batch norm over the batch and all positions."""
    settings = site.settings
    return _BATCH_NORM[settings.dimensions](
        site.channels,
        eps=settings.eps,
        momentum=settings.momentum,
        affine=settings.affine,
        **settings.factory,
    )


def group_norm(site: Site) -> nn.Module:
    """Group norm.

    Raises:
        OrderError: If the number of groups does not divide the channels.
    """
    groups = group_count(site.order, site.token, site.channels)
    settings = site.settings
    return nn.GroupNorm(
        groups, site.channels, eps=settings.eps, affine=settings.affine, **settings.factory
    )


def layer_norm(site: Site) -> nn.Module:
    """Layer norm over the channels."""
    settings = site.settings
    return ChannelLayerNorm(
        site.channels, eps=settings.eps, elementwise_affine=settings.affine, **settings.factory
    )


LAYERS: dict[str, type[nn.Module]] = {
    name: getattr(nn, operations.ACTIVATIONS[name].module) for name in ACTIVATIONS
}


def activation(site: Site) -> nn.Module:
    """The activation the token names, or the block's."""
    argument = site.token.argument
    chosen = argument if isinstance(argument, str) else site.settings.activation
    return make_activation(chosen, site.settings)


def make_activation(activation: Activation, settings: Settings) -> nn.Module:
    """A new activation layer, its parameters, if it has any, where the block's are.

    Raises:
        UsageError: If it is an unknown name, a layer instead of what makes one, or makes no layer.
    """
    make = _by_name(activation) if isinstance(activation, str) else activation
    if isinstance(make, nn.Module) or not callable(make):
        raise UsageError(
            f"activation={activation!r} must be a name, a class or a function that makes a layer, "
            "because every place needs its own; for instance activation=torch.nn.ReLU"
        )
    layer = make()
    if not isinstance(layer, nn.Module):
        raise UsageError(f"activation={activation!r} makes {layer!r}, which is no torch.nn.Module")
    # Only some activations take a device; moving serves all.
    return layer.to(**settings.factory)


def _by_name(name: str) -> type[nn.Module]:
    if name not in LAYERS:
        raise UsageError(
            f"activation={name!r} is unknown; the names are {', '.join(ACTIVATIONS)}; "
            "any other is given as its class"
        )
    return LAYERS[name]


def drop(site: Site) -> nn.Module:
    """Dropout at the token's rate, or whatever noise the block was given as `dropout`."""
    argument, settings = site.token.argument, site.settings
    noise = argument if isinstance(argument, float) else settings.dropout
    return make_noise(noise, settings.along)


def _own_noise(noise: NoiseOperation, site: Site) -> nn.Module:
    """A noise layer of this library, of the token's strength or the block's.

    Raises:
        UsageError: If neither the token nor the block states a rate.
    """
    argument, settings = site.token.argument, site.settings
    usual = settings.dropout if noise.strength[0] == "p" else settings.beta
    strength = argument if isinstance(argument, float) else usual
    if isinstance(strength, nn.Module):
        raise UsageError(
            f"order {str(site.order)!r}: {noise.in_order!r} takes its rate from dropout, which is "
            f"the layer {strength!r} here; write {noise.in_order}(0.2), say"
        )
    made: nn.Module = getattr(layers, noise.own)(strength, along=settings.along)
    return made


OWN_NOISES = {noise.in_order: partial(_own_noise, noise) for noise in NOISES if noise.own}
"""What makes the noise layers of this library, by token."""


def make_noise(noise: Noise, along: Along) -> nn.Module:
    """Dropout at a rate, or a copy of the noise layer given instead."""
    return deepcopy(noise) if isinstance(noise, nn.Module) else layers.Dropout(noise, along=along)


def is_silent(noise: Noise) -> bool:
    """Whether this is dropout at rate 0, which needs no layer."""
    return not isinstance(noise, nn.Module) and noise == 0


_MAX = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
_AVERAGE = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}
_GLOBAL = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}


def pool(site: Site) -> nn.Module:
    """Max pooling, or average pooling for `pool(avg)`."""
    settings = site.settings
    layer: Any = (_MAX if site.token.is_max_pool else _AVERAGE)[settings.dimensions]
    kernel = per_dimension("pool_kernel_size", settings.pool_kernel_size, settings.dimensions)
    stride = kernel if settings.pool_stride is None else settings.pool_stride
    made: nn.Module = layer(
        kernel,
        stride=per_dimension("pool_stride", stride, settings.dimensions),
        padding=per_dimension("pool_padding", settings.pool_padding, settings.dimensions),
    )
    return made


def global_average_pool(dimensions: int) -> nn.Module:
    """The mean over all positions, which stay as axes of length 1."""
    return _GLOBAL[dimensions](1)


PARTS: dict[str, Callable[[Site], nn.Module]] = {
    "conv": conv,
    "linear": linear,
    "bn": batch_norm,
    "gn": group_norm,
    "ln": layer_norm,
    "act": activation,
    "drop": drop,
    **OWN_NOISES,
    "pool": pool,
}


def build(sites: Iterable[Site]) -> OrderedDict[str, nn.Module]:
    """A layer for each site, by its name.

    Raises:
        OrderError: If an order does not build in that many channels.
        UsageError: If a setting does not fit.
    """
    return OrderedDict((site.name, PARTS[site.token.name](site)) for site in sites)
