"""A model left exactly as it was, whatever happens to it in between."""

import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.src.backend.common import global_state  # where Keras keeps its global generator
from keras.src.random import seed_generator  # where its layers and initialisers get their seeds

from normdrop.keras._backend import backend
from normdrop.keras.capture import check_built

_GENERATOR = "global_seed_generator"
"""The name it is kept by."""


@contextmanager
def untouched(model: keras.Model) -> Iterator[None]:
    """Put back what calls of a model may change: its state, and every random state.

    That is all variables but the trainable ones (moving statistics, metrics, seeds), what layers
    keep in attributes (`trainable`, collected losses, masks of a recurrent layer), Keras' global
    seed generator, and the random state of Python, numpy and torch where the model's own code draws
    from it; Keras' seeds are drawn elsewhere (`own_seeds`). TensorFlow's own stateful random
    functions are not covered; no layer of Keras uses them.

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
    python, numpy = random.getstate(), _numpy_state()
    generator = global_state.get_global_attribute(_GENERATOR)
    with own_seeds(), backend().random_state_kept():
        try:
            global_state.set_global_attribute(
                _GENERATOR, keras.random.SeedGenerator(0, name="normdrop")
            )
            yield
        finally:
            global_state.set_global_attribute(_GENERATOR, generator)
            for layer, before in attributes:
                _put_back(layer.__dict__, before)
            for layer, kept, ids in losses:
                layer._losses[:] = kept  # noqa: SLF001 - see above
                layer._loss_ids.clear()  # noqa: SLF001 - see above
                layer._loss_ids.update(ids)  # noqa: SLF001 - see above
            for variable, value in values:
                # A write, even of the same values, would end a backward pass that waits.
                if _copy(variable).tobytes() != value.tobytes():
                    variable.assign(value)
            # Where other threads run it is theirs too, and to put it back would repeat their draws.
            if threading.active_count() == 1:
                if random.getstate() != python:
                    random.setstate(python)
                if _numpy_state() != numpy:
                    np.random.set_state(numpy)  # noqa: NPY002 - what users may draw from


_own = threading.local()


@contextmanager
def own_seeds() -> Iterator[None]:
    """Inside, in this thread, Keras draws the seeds that it makes up from a generator of our own.

    A layer or initialiser without a seed takes one of Python's global generator, so that a copy of
    a model would move it.
    """
    _redirect()
    before = getattr(_own, "generator", None)
    _own.generator = before or random.Random(0)  # noqa: S311 - seeds, no secrets
    try:
        yield
    finally:
        _own.generator = before


@cache
def _redirect() -> None:
    """Have Keras ask for its seeds here, once and for good, as other threads may be asking, too."""
    usual: Callable[[], int] = seed_generator.make_default_seed

    def make_default_seed() -> int:
        generator = getattr(_own, "generator", None)
        return usual() if generator is None else generator.randint(1, 10**9)

    for name, module in list(sys.modules.items()):
        if name.startswith("keras.src") and vars(module).get("make_default_seed") is usual:
            vars(module)["make_default_seed"] = make_default_seed


def _numpy_state() -> dict[str, Any]:
    state: dict[str, Any] = np.random.get_state(legacy=False)  # noqa: NPY002 - see above
    state["state"]["key"] = state["state"]["key"].tolist()  # arrays do not compare as a whole
    return state


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
