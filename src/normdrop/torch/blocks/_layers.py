"""`conv` and `linear`."""

from typing import Any

from torch import nn

from normdrop.errors import UsageError
from normdrop.torch.blocks._settings import Site
from normdrop.values.blocks import Size, Weight, per_dimension

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


def _padding(weight: Weight, dimensions: int) -> tuple[int, ...]:
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
