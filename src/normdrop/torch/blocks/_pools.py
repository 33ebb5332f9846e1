"""`pool`."""

from typing import Any

from torch import nn

from normdrop.torch.blocks._settings import Site
from normdrop.values.blocks import per_dimension

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
