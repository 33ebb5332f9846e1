"""Seeing a Keras model as a graph."""

from typing import Any

import keras

from normdrop.errors import CaptureError
from normdrop.keras._errors import error_line
from normdrop.keras.capture._example import symbolic
from normdrop.keras.capture._layers import check_built, layers_of, paths_of
from normdrop.keras.capture._nodes import Builder
from normdrop.keras.capture._trace import trace
from normdrop.shifts.graph import Captured, Graph, Mode


def capture(model: keras.Model, example: Any) -> Captured:  # noqa: ANN401 - arrays, shapes, nested
    """The calls a model makes, in training and in inference.

    The model is called once in each mode on symbolic tensors: shapes alone, no numbers. Layers of
    the user's own are opened, so that the calls inside them are seen; one that takes numbers, or a
    backend's own functions, stays one call of an unknown kind. The model is only read: what Keras
    notes of the calls is removed again.

    Args:
        model: Any built Keras model: Sequential, Functional or subclassed.
        example: One tensor, array or `normdrop.Input`, or a tuple of whole numbers that is its
            shape without the batch axis; or a list, tuple or dict of those, as the model takes
            them.

    Raises:
        CaptureError: The model is not built, or its call raised; the message names the layer.
        UsageError: The example is nothing a model takes.

    >>> layers = keras.layers
    >>> model = keras.Sequential([layers.Dropout(0.5), layers.BatchNormalization()])
    >>> model.build((None, 8))
    >>> captured = capture(model, (8,))
    >>> [node.kind.value for node in captured.train]
    ['input', 'noise', 'norm']
    >>> captured.eval[1].noise.active
    False
    """
    check_built(model)
    return Captured(_graph(model, example, Mode.TRAIN), _graph(model, example, Mode.EVAL))


def _graph(model: keras.Model, example: Any, mode: Mode) -> Graph:  # noqa: ANN401 - see capture
    arguments, batch_size = symbolic(example)
    paths = paths_of(model)
    training = mode is Mode.TRAIN
    try:
        traced = trace(model, paths, arguments, training=training)
    except CaptureError:
        raise
    except Exception as error:
        raise CaptureError(
            f"{model.name} raised {type(error).__name__}: {error_line(error)}"
        ) from error
    builder = Builder(paths, traced.inputs)
    for call in traced.calls:
        builder.add(call, training=training)
    return Graph(
        tuple(builder.nodes),
        inputs=tuple(range(len(traced.inputs))),
        outputs=tuple(builder.id_of(tensor) for tensor in traced.outputs),
        mode=mode,
        layers=layers_of(model, paths, traced.counts, training=training),
        batch_size=batch_size,
    )
