"""One symbolic run of a model, and everything it left on the model taken away again."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras

from normdrop.errors import CaptureError
from normdrop.keras._version import numbers
from normdrop.keras.capture._layers import is_open

_CONVERT = "_convert_inputs_to_tensors"
_CONVERTS_ALL = numbers(keras.__version__) < (3, 8)
"""Whether Functional models make arrays of all that they are given, which symbols cannot be."""


@dataclass(frozen=True)
class Call:
    """One call of a layer or operation.

    Attributes:
        operation: What was called.
        tensors: The symbolic tensors among its arguments.
        args: Positional arguments.
        kwargs: Named arguments.
        outputs: The tensors it yields.
        inside: Path of the layer the call was made in.
    """

    operation: Any
    tensors: list[keras.KerasTensor]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: list[keras.KerasTensor]
    inside: str


@dataclass
class Trace:
    """What a symbolic run made.

    Attributes:
        paths: Id of every layer to its path.
        inputs: The tensors the model was given.
        calls: The calls, each after those whose tensors it takes.
        outputs: The tensors the model returned.
        counts: Id of a layer to how often it was called.
    """

    paths: Mapping[int, str]
    inputs: list[keras.KerasTensor]
    calls: list[Call] = field(default_factory=list)
    outputs: list[keras.KerasTensor] = field(default_factory=list)
    counts: Counter[int] = field(default_factory=Counter)
    _known: set[int] = field(default_factory=set)
    _around: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._known |= {id(tensor) for tensor in self.inputs}

    def layer(self, layer: keras.layers.Layer, args: Any, kwargs: Any, outputs: Any) -> None:  # noqa: ANN401 - the layer's own
        """Note the call of a layer that is not opened."""
        self.counts[id(layer)] += 1
        tensors = _symbolic((args, kwargs))
        self.follow(tensors)
        self._note(Call(layer, tensors, args, kwargs, _symbolic(outputs), self._inside))

    def follow(self, tensors: list[keras.KerasTensor]) -> None:
        """Note the operations of `keras.ops` that led to tensors no layer made.

        Keras keeps them at the tensors, and forgets them where a layer that is opened returns what
        an operation made: follow such tensors before that.
        """
        waiting = list(reversed(tensors))
        while waiting:
            tensor = waiting[-1]
            history = getattr(tensor, "_keras_history", None)
            if id(tensor) in self._known or history is None or history.operation is None:
                waiting.pop()
                continue
            made = history.operation._inbound_nodes[history.node_index]  # noqa: SLF001 - Keras' own record
            arguments = made.arguments
            missing = [each for each in arguments.keras_tensors if self._is_made(each)]
            if missing:
                waiting.extend(reversed(missing))
                continue
            waiting.pop()
            self._note(
                Call(
                    history.operation,
                    list(arguments.keras_tensors),
                    arguments.args,
                    arguments.kwargs,
                    list(made.outputs),
                    self._inside,
                )
            )

    @contextmanager
    def inside(self, layer: keras.layers.Layer) -> Iterator[None]:
        """Note that what follows is called inside a layer."""
        self.counts[id(layer)] += 1
        self._around.append(self.paths.get(id(layer), ""))
        try:
            yield
        finally:
            self._around.pop()

    @property
    def _inside(self) -> str:
        return self._around[-1] if self._around else ""

    def _is_made(self, tensor: keras.KerasTensor) -> bool:
        """Whether a call that is not noted yet made the tensor."""
        history = getattr(tensor, "_keras_history", None)
        return id(tensor) not in self._known and bool(history and history.operation)

    def _note(self, call: Call) -> None:
        self.calls.append(call)
        self._known |= {id(tensor) for tensor in call.outputs}


def trace(
    model: keras.Model,
    paths: Mapping[int, str],
    arguments: Any,  # noqa: ANN401 - symbolic tensors, nested
    *,
    training: bool,
) -> Trace:
    """Call a model on symbolic tensors, and leave it as it was.

    Raises:
        CaptureError: The model returned something else than tensors.
    """
    made = Trace(paths, _symbolic(arguments))
    layers = list(model._flatten_layers())  # noqa: SLF001 - Keras has no public walk of all layers
    operations = {id(each): each for each in (*layers, *_operations(layers))}
    graphs = [graph for each in layers for graph in _converting(each)] if _CONVERTS_ALL else []
    before = {
        key: (len(each._inbound_nodes), len(each._outbound_nodes))  # noqa: SLF001 - to put back
        for key, each in operations.items()
    }
    try:
        for layer in layers:
            layer.__dict__["symbolic_call"] = _watch(layer)(layer, made)
        for graph in graphs:
            graph.__dict__[_CONVERT] = _converted(graph)
        outputs = keras.tree.flatten(model(arguments, training=training))
        if not all(isinstance(each, keras.KerasTensor) for each in outputs):
            raise CaptureError(f"{model.name} returns something else than tensors")
        made.outputs = outputs
    finally:
        for layer in layers:
            layer.__dict__.pop("symbolic_call", None)
        for graph in graphs:
            graph.__dict__.pop(_CONVERT, None)
        for key, each in operations.items():
            inbound, outbound = before[key]
            del each._inbound_nodes[inbound:]  # noqa: SLF001 - see above
            del each._outbound_nodes[outbound:]  # noqa: SLF001 - see above
    return made


def _watch(layer: keras.layers.Layer) -> Callable[[keras.layers.Layer, Trace], Callable[..., Any]]:
    """How the calls of a layer are seen."""
    if isinstance(layer, keras.layers.TimeDistributed):
        return _step_by_step
    return _opened if is_open(layer) else _noted


def _step_by_step(layer: keras.layers.TimeDistributed, made: Trace) -> Callable[..., Any]:
    """Instead of a call for each step, which is none to Keras, one with all steps in the batch.

    No layer but a norm tells the two apart, and a norm that is called step by step remembers what
    it would of all steps at once.
    """

    def symbolic_call(inputs: Any, **_: Any) -> Any:  # noqa: ANN401 - the layer's own
        made.follow(_symbolic(inputs))
        with made.inside(layer):
            batch, steps, *rest = inputs.shape
            found = layer.layer(keras.ops.reshape(inputs, (batch * steps, *rest)))
            outputs = keras.tree.map_structure(
                lambda each: keras.ops.reshape(each, (batch, steps, *each.shape[1:])), found
            )
            made.follow(_symbolic(outputs))
        return outputs

    return symbolic_call


def _converting(layer: Any) -> list[Any]:  # noqa: ANN401 - a layer
    """The Functional model that a layer is, or that a Sequential model holds unseen."""
    held = (layer, getattr(layer, "_functional", None))
    return [each for each in held if hasattr(each, _CONVERT)]


def _converted(model: Any) -> Callable[..., Any]:  # noqa: ANN401 - a Functional model
    """Inputs in the element types that a Functional model takes, symbolic ones too."""

    def convert(inputs: list[Any]) -> list[Any]:
        return [
            each
            if each is None or each.dtype == wanted.dtype
            else keras.ops.cast(each, wanted.dtype)
            for each, wanted in zip(inputs, model.inputs, strict=False)
        ]

    return convert


def _opened(layer: keras.layers.Layer, made: Trace) -> Callable[..., Any]:
    """Instead of one call of the layer, the calls inside it; the one call where that fails."""

    def symbolic_call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the layer's own
        made.follow(_symbolic((args, kwargs)))
        with made.inside(layer):
            try:
                outputs = layer.call(*args, **kwargs)
            except Exception:
                if isinstance(layer, keras.Model):
                    raise
                return _noted(layer, made)(*args, **kwargs)
            made.follow(_symbolic(outputs))
        return outputs

    return symbolic_call


def _noted(layer: keras.layers.Layer, made: Trace) -> Callable[..., Any]:
    """The layer's own symbolic call, noted."""

    def symbolic_call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the layer's own
        outputs = type(layer).symbolic_call(layer, *args, **kwargs)
        made.layer(layer, args, kwargs, outputs)
        return outputs

    return symbolic_call


def _symbolic(tree: Any) -> list[keras.KerasTensor]:  # noqa: ANN401 - any tree
    return [each for each in keras.tree.flatten(tree) if isinstance(each, keras.KerasTensor)]


def _operations(layers: list[keras.layers.Layer]) -> list[Any]:
    """The operations that are no layers but belong to Functional models."""
    return [
        operation
        for layer in layers
        for operation in getattr(layer, "operations", ())
        if not isinstance(operation, keras.layers.Layer)
    ]
