"""Answering the calls of a model's batch norm layers in their place."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import keras

from normdrop.errors import CaptureError
from normdrop.keras.capture import paths_of
from normdrop.keras.watch._norm_call import NormCall

Answer: TypeAlias = Callable[[NormCall], Any]
"""Takes a norm layer's call and gives the output."""

# Names in a layer's `__dict__`, for as long as it is watched.
_ANSWER = "_normdrop_answer"
_ASKED = "_normdrop_asked"


@contextmanager
def answered(model: keras.Model, answer: Answer) -> Iterator[None]:
    """Hand every call of a `BatchNormalization` inside the model to `answer` for its output.

    A layer's class is exchanged for one that derives from it and, in place of Keras' own `call`,
    asks for the answer: so `super().call(...)` of a user's class is answered too, with the input
    and the mode that class passes on.

    Args:
        model: Any built model, run eagerly inside.
        answer: From the call to the layer's output.

    Raises:
        CaptureError: Inside, where a class of the user's normalises without Keras' `call`.
    """
    paths = paths_of(model)
    norms = [
        layer
        for layer in model._flatten_layers()  # noqa: SLF001 - Keras has no public walk of all layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    before = [(layer, type(layer)) for layer in norms]
    kinds = {kind: _answering(kind) for _, kind in before}
    try:
        for layer, kind in before:
            layer.__dict__[_ANSWER] = _asking(paths[id(layer)], layer, answer)
            # Past Keras' own `__setattr__`, which looks for variables and layers in what is set.
            object.__setattr__(layer, "__class__", kinds[kind])
        yield
    finally:
        for layer, kind in before:
            for name in (_ANSWER, _ASKED):
                layer.__dict__.pop(name, None)
            object.__setattr__(layer, "__class__", kind)


def _asking(
    path: str, layer: keras.layers.BatchNormalization, answer: Answer
) -> Callable[..., Any]:
    def ask(x: Any, training: bool | None, mask: Any) -> Any:  # noqa: ANN401, FBT001 - the layer's own
        return answer(NormCall(path, layer, x, mask, bool(training and layer.trainable)))

    return ask


class _Answered(keras.layers.BatchNormalization):
    """A batch norm whose `call` is answered from outside."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:  # noqa: ANN401, FBT001 - Keras' own
        self.__dict__[_ASKED] = True
        return self.__dict__[_ANSWER](inputs, training, mask)


def _answering(kind: type) -> type:
    """The class with `_Answered` between it and Keras' own in the order of its bases."""
    if kind is keras.layers.BatchNormalization:
        return _Answered
    namespace: dict[str, Any] = {"__module__": kind.__module__}
    if kind.call is not keras.layers.BatchNormalization.call:  # type: ignore[attr-defined] # a layer's
        namespace["call"] = _checked(kind)
    return type(kind.__name__, (kind, _Answered), namespace)


def _checked(kind: Any) -> Callable[..., Any]:  # noqa: ANN401 - a class of layers
    """The class's own call, refused where it does not lead to Keras'."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the layer's own
        self.__dict__.pop(_ASKED, None)
        outputs = kind.call(self, *args, **kwargs)
        if not self.__dict__.pop(_ASKED, False):
            raise CaptureError(
                f"layer {self.name!r}: {kind.__name__} normalises in a call of its own, which "
                "cannot be watched: let it call super().call(...)"
            )
        return outputs

    return call
