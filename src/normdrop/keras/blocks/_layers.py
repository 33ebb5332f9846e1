"""`conv` and `linear`."""

import keras

from normdrop.errors import UsageError
from normdrop.keras.blocks._settings import Site

_CONV = {1: "Conv1D", 2: "Conv2D", 3: "Conv3D"}


def conv(site: Site) -> keras.layers.Layer:
    """A convolution.

    Raises:
        UsageError: Groups that do not divide both channel counts.
    """
    weight, settings = site.weight, site.settings
    filters = weight.filters or site.channels
    for channels in (site.channels, filters):
        if weight.groups < 1 or channels % weight.groups:
            raise UsageError(
                f"groups={weight.groups} does not divide the {channels} channels of a convolution"
            )
    layer: keras.layers.Layer = getattr(keras.layers, _CONV[settings.dimensions])(
        filters,
        weight.kernel_size,
        strides=weight.strides,
        padding=weight.padding,
        dilation_rate=weight.dilation_rate,
        groups=weight.groups,
        use_bias=site.use_bias,
        data_format=settings.data_format,
        name=site.name,
        dtype=settings.dtype,
    )
    return layer


def linear(site: Site) -> keras.layers.Layer:
    """A dense layer."""
    return keras.layers.Dense(
        site.weight.filters or site.channels,
        use_bias=site.use_bias,
        name=site.name,
        dtype=site.settings.dtype,
    )
