"""What a Keras model says that it takes."""

from typing import Any

import keras

from normdrop.values.example import Input


def declared_inputs(model: keras.Model) -> Any:  # noqa: ANN401 - nested like the model's inputs
    """An example for a model whose inputs are declared, as Sequential and Functional models' are.

    Returns:
        `normdrop.Input` in the place of each input; None for a model that declares none, or leaves
        an axis open besides that of the batch.

    >>> declared_inputs(keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)]))
    Input(shape=(8,), dtype='float32')
    """
    try:
        given = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    except (AttributeError, ValueError):
        return None
    tensors = keras.tree.flatten(given)
    if not tensors or any(None in tensor.shape[1:] for tensor in tensors):
        return None
    return keras.tree.map_structure(
        lambda tensor: Input(tuple(tensor.shape[1:]), str(tensor.dtype)), given
    )
