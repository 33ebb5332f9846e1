"""`conv` and `linear`."""

import keras

from normdrop.keras.blocks._settings import Site

_CONV = {1: "Conv1D", 2: "Conv2D", 3: "Conv3D"}


def conv(site: Site) -> keras.layers.Layer:
    """A convolution."""
    weight, settings = site.weight, site.settings
    layer: keras.layers.Layer = getattr(keras.layers, _CONV[settings.dimensions])(
        weight.out_channels,
        weight.kernel_size,
        strides=weight.stride,
        padding=weight.padding,
        dilation_rate=weight.dilation,
        groups=weight.groups,
        use_bias=site.bias,
        data_format=settings.data_format,
        name=site.name,
        dtype=settings.dtype,
    )
    return layer


def linear(site: Site) -> keras.layers.Layer:
    """A dense layer."""
    return keras.layers.Dense(
        site.weight.out_channels,
        use_bias=site.bias,
        name=site.name,
        dtype=site.settings.dtype,
    )
