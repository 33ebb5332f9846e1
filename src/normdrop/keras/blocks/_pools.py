"""`pool`."""

import keras

from normdrop.keras.blocks._settings import Site

_MAX = {1: "MaxPooling1D", 2: "MaxPooling2D", 3: "MaxPooling3D"}
_AVERAGE = {1: "AveragePooling1D", 2: "AveragePooling2D", 3: "AveragePooling3D"}
_GLOBAL = {1: "GlobalAveragePooling1D", 2: "GlobalAveragePooling2D", 3: "GlobalAveragePooling3D"}


def pool(site: Site) -> keras.layers.Layer:
    """Max pooling, or average pooling for `pool(avg)`."""
    settings = site.settings
    kind = (_MAX if site.token.is_max_pool else _AVERAGE)[settings.dimensions]
    layer: keras.layers.Layer = getattr(keras.layers, kind)(
        settings.pool_size,
        strides=settings.pool_strides,
        data_format=settings.data_format,
        name=site.name,
        dtype=settings.dtype,
    )
    return layer


def global_average_pool(dimensions: int, data_format: str, name: str) -> keras.layers.Layer:
    """The mean over all positions: `(N, C)`."""
    layer: keras.layers.Layer = getattr(keras.layers, _GLOBAL[dimensions])(
        data_format=data_format, name=name
    )
    return layer
