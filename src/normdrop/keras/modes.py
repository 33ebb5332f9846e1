"""Dropout and norm layers of a Keras model in modes of their own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras

from normdrop.errors import UsageError
from normdrop.keras._running import is_still
from normdrop.keras.watch import NoiseCalls, NormCall, answered, by_running
from normdrop.shifts.stream import NormMode

_COMPILED = ("predict_function", "test_function", "train_function")


@contextmanager
def modes(model: keras.Model, *, dropout: bool | None, norm: NormMode | None) -> Iterator[None]:
    """Set modes inside a `with` statement; see `normdrop.modes`."""
    with ExitStack() as stack:
        stack.enter_context(_compiled_anew(model))
        if norm is not None:
            stack.enter_context(answered(model, _by_batch if norm == "batch" else by_running))
        if dropout is not None:
            noise = NoiseCalls(model)
            if norm is None and noise.mixed:
                raise UsageError(
                    f"{noise.mixed[0]} makes noise and has norm layers inside, which would be "
                    "switched with it: say what norm layers go by, norm='running' or norm='batch'"
                )
            stack.enter_context(noise.switched(on=dropout))
        yield


def _by_batch(call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
    return by_running(call) if is_still(call.layer) else call.by_batch()


@contextmanager
def _compiled_anew(model: keras.Model) -> Iterator[None]:
    """No function compiled outside is used inside, and none from inside afterwards.

    Keras compiles `predict`, `evaluate` and `fit` once and keeps the result with the calls of that
    time traced into it.
    """
    every = [
        layer
        for layer in model._flatten_layers()  # noqa: SLF001 - Keras has no public walk of all layers
        if isinstance(layer, keras.Model)
    ]
    before = [(each, name, getattr(each, name, None)) for each in every for name in _COMPILED]
    try:
        for each, name, _ in before:
            setattr(each, name, None)
        yield
    finally:
        for each, name, function in before:
            setattr(each, name, function)
