"""The norm layers of a model, and which of them learn statistics in training."""

import keras

from normdrop.keras.capture._layers import paths_of

Norms = dict[str, keras.layers.BatchNormalization]
"""Path of every norm layer with moving statistics to the layer."""


def norms_of(model: keras.Model) -> Norms:
    """The norm layers of a model, at any depth.

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization(name="bn")])
    >>> list(norms_of(model))
    ['bn']
    """
    paths = paths_of(model)
    return {
        paths[id(layer)]: layer
        for layer in model._flatten_layers()  # noqa: SLF001 - Keras has no public walk of all layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }


def is_still(layer: keras.layers.BatchNormalization) -> bool:
    """Whether a layer does not learn statistics in training: not trainable, or of momentum 1."""
    return not layer.trainable or layer.momentum == 1.0
