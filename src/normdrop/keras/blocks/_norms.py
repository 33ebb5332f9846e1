"""`bn`, `gn` and `ln`."""

from typing import Any

import keras
from keras import ops

from normdrop.keras.blocks._settings import Site
from normdrop.values.order import group_count


@keras.saving.register_keras_serializable("normdrop")
class ChannelLayerNormalization(keras.layers.LayerNormalization):
    """Layer norm over the channels of `(N, C, ...)`, at each position on its own."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make a scale and a shift for each channel."""
        super().build((input_shape[0], *input_shape[2:], input_shape[1]))

    def call(self, inputs: Any) -> Any:  # noqa: ANN401 - tensors of the backend's
        """Normalised `inputs`, of their shape."""
        return ops.moveaxis(super().call(ops.moveaxis(inputs, 1, -1)), -1, 1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's shape."""
        return input_shape


def batch_norm(site: Site) -> keras.layers.Layer:
    """Batch norm over the batch and all positions."""
    settings = site.settings
    return keras.layers.BatchNormalization(
        axis=settings.channel_axis,
        momentum=settings.momentum,
        epsilon=settings.epsilon,
        center=settings.affine,
        scale=settings.affine,
        name=site.name,
        dtype=settings.dtype,
    )


def group_norm(site: Site) -> keras.layers.Layer:
    """Group norm.

    Raises:
        OrderError: If the number of groups does not divide the channels.
    """
    settings = site.settings
    groups = group_count(site.order, site.token, site.channels)
    return keras.layers.GroupNormalization(
        groups,
        axis=settings.channel_axis,
        epsilon=settings.epsilon,
        center=settings.affine,
        scale=settings.affine,
        name=site.name,
        dtype=settings.dtype,
    )


def layer_norm(site: Site) -> keras.layers.Layer:
    """Layer norm over the channels."""
    settings = site.settings
    # Keras' own layer norm raises on the torch backend if its axis is not the last.
    kind = keras.layers.LayerNormalization
    if settings.channel_axis != -1:
        kind = ChannelLayerNormalization
    return kind(
        epsilon=settings.epsilon,
        center=settings.affine,
        scale=settings.affine,
        name=site.name,
        dtype=settings.dtype,
    )
