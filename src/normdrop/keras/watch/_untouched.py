"""A model left exactly as it was, whatever happens to it in between."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.src.backend.common import global_state  # where Keras keeps its global generator

from normdrop.keras._backend import backend
from normdrop.keras.capture import check_built

_GENERATOR = "global_seed_generator"
"""The name it is kept by."""


@contextmanager
def untouched(model: keras.Model) -> Iterator[None]:
    """Put back what calls of a model may change: its state, and every random state.

    That is all variables but the trainable ones (moving statistics, metrics, seeds), what layers
    keep in attributes (`trainable`, collected losses, masks of a recurrent layer), Keras' global
    seed generator, and the random state of Python, numpy and torch. TensorFlow's own stateful
    random functions are not covered; no layer of Keras uses them.

    Costs a copy of the variables that are no trainable weights.

    Args:
        model: What runs inside.

    Raises:
        CaptureError: A layer is not built, and its first call would build it for good.
    """
    check_built(model)
    layers = model._flatten_layers()  # noqa: SLF001 - Keras has no public walk of all layers
    attributes = [(layer, dict(layer.__dict__)) for layer in layers]
    losses = [(layer, list(layer._losses), set(layer._loss_ids)) for layer in layers]  # noqa: SLF001 - what calls collect
    values = [(variable, _copy(variable)) for variable in _variables(model)]
    with random_state_kept():
        try:
            yield
        finally:
            for layer, before in attributes:
                _put_back(layer.__dict__, before)
            for layer, kept, ids in losses:
                layer._losses[:] = kept  # noqa: SLF001 - see above
                layer._loss_ids.clear()  # noqa: SLF001 - see above
                layer._loss_ids.update(ids)  # noqa: SLF001 - see above
            for variable, value in values:
                variable.assign(value)


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Put back every random state: Keras' global seed generator, that of Python, numpy and torch.

    New layers and initializers draw their seeds from Python's.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - what users may draw from
    generator = global_state.get_global_attribute(_GENERATOR)
    with backend().random_state_kept():
        try:
            global_state.set_global_attribute(
                _GENERATOR, keras.random.SeedGenerator(0, name="normdrop")
            )
            yield
        finally:
            global_state.set_global_attribute(_GENERATOR, generator)
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002 - see above


def _variables(model: keras.Model) -> list[Any]:
    """Every variable that a call may assign to, but trainable weights, frozen or not.

    A frozen layer calls its weights non-trainable, so the layers' own lists are looked at.
    """
    found: dict[int, Any] = {}
    for layer in model._flatten_layers():  # noqa: SLF001 - Keras has no public walk of all layers
        own = [
            *layer._non_trainable_variables,  # noqa: SLF001 - a frozen layer's property has all
            *(generator.state for generator in layer._seed_generators),  # noqa: SLF001 - no public list
            *(variable for metric in layer._metrics for variable in metric.variables),  # noqa: SLF001 - the layer's alone
        ]
        found |= {id(variable): variable for variable in own}
    return list(found.values())


def _copy(variable: Any) -> np.ndarray:  # noqa: ANN401 - a variable
    return np.array(ops.convert_to_numpy(variable))


def _put_back(attributes: dict[str, Any], before: dict[str, Any]) -> None:
    for name in [name for name in attributes if name not in before]:
        del attributes[name]
    attributes.update(before)
