"""A Sequential or Functional model built again from its layers, by a plan."""

from collections.abc import Callable
from typing import Any

import keras
from keras.src.models.functional import (
    Functional,  # Keras gives its class no public name
    functional_like_constructor,  # what Keras' own cloning asks of a class
)

from normdrop.errors import UsageError
from normdrop.keras.rewrite._plan import Plan

Make = Callable[[keras.layers.Layer], keras.layers.Layer]


def is_rebuildable(layer: Any) -> bool:  # noqa: ANN401 - a layer
    """Whether a layer is a graph of layers that can be built again as the same class."""
    kind = type(layer)
    if isinstance(layer, keras.Sequential):
        return kind.__init__ is keras.Sequential.__init__ and hasattr(layer, "inputs")
    return isinstance(layer, Functional) and bool(functional_like_constructor(kind))


class Rebuild:
    """One building of a model.

    Args:
        plan: What becomes of which layer.
        make: A layer of the new model for one of the old that holds no graph.
        everything: Whether models inside that the plan leaves alone are built again too.

    Attributes:
        made: By the id of each layer of the old model, the layer of the new one.
    """

    def __init__(self, plan: Plan, make: Make, *, everything: bool) -> None:
        self.made: dict[int, Any] = {}
        self._plan = plan
        self._make = make
        self._everything = everything
        self._old: dict[int, Any] = {}

    def __call__(self, model: keras.Model) -> keras.Model:
        """The new model."""
        layers = model._flatten_layers()  # noqa: SLF001 - Keras has no public walk of all layers
        self._old = {id(layer): layer for layer in layers}
        return self._built(model)

    def _built(self, model: Any) -> Any:  # noqa: ANN401 - models
        new = self._sequential(model) if isinstance(model, keras.Sequential) else self._graph(model)
        self.made[id(model)] = new
        return new

    def _sequential(self, model: keras.Sequential) -> keras.Sequential:
        first = model.inputs[0]._keras_history.operation  # noqa: SLF001 - `layers` leaves it out
        layers = [_input_layer(first)]
        for layer in model.layers:
            layers += map(self._by_id, self._plan.beside(layer, "before"))
            position = self._plan.moved.get(id(layer))
            if position is None:
                layers.append(self._new(layer))
            elif position.identity:
                layers.append(_identity(layer))
            layers += map(self._by_id, self._plan.beside(layer, "after"))
        return type(model)(layers, name=model.name)

    def _graph(self, model: Any) -> Any:  # noqa: ANN401 - a Functional model
        inputs = keras.tree.map_structure(
            lambda tensor: _input_layer(tensor._keras_history.operation).output,  # noqa: SLF001 - no public way back
            model.input,
        )
        # What `keras.models.clone_model` runs; that one would compile each attempt.
        outputs = model._run_through_graph(  # noqa: SLF001 - see above
            inputs, operation_fn=lambda operation: operation, call_fn=self._call
        )
        return type(model)(inputs, outputs, name=model.name)

    def _call(self, layer: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - any operation
        """One call of the old graph, in the new one."""
        position = self._plan.moved.get(id(layer))
        if position is not None:
            return _identity(layer)(args[0]) if position.identity else args[0]
        for noise in self._plan.beside(layer, "before"):
            args = (self._by_id(noise)(args[0]), *args[1:])
        outputs = self._new(layer)(*args, **kwargs)
        for noise in self._plan.beside(layer, "after"):
            outputs = self._by_id(noise)(outputs)
        return outputs

    def _by_id(self, key: int) -> Any:  # noqa: ANN401 - a layer
        return self._new(self._old[key])

    def _new(self, layer: Any) -> Any:  # noqa: ANN401 - layers and operations
        """The layer of the new model for one of the old, one and the same at each call."""
        if id(layer) not in self.made:
            if is_rebuildable(layer) and (self._everything or self._holds_a_change(layer)):
                return self._built(layer)
            self.made[id(layer)] = self._make(self._plan.exchanged.get(id(layer), layer))
        return self.made[id(layer)]

    def _holds_a_change(self, model: Any) -> bool:  # noqa: ANN401 - a model
        inside = model._flatten_layers()  # noqa: SLF001 - Keras has no public walk of all layers
        return any(self._plan.touches(layer) for layer in inside)


def refuse_closed(model: keras.Model) -> None:
    """Refuse a model that is no graph of layers, or whose class builds its own.

    Raises:
        UsageError: It is one of these; the message says what to do instead.
    """
    if is_rebuildable(model):
        return
    kind = type(model).__name__
    if isinstance(model, Functional | keras.Sequential):
        raise UsageError(
            f"fix: {kind} builds its layers in its own __init__, so that none else can be of its "
            "class: pass keras.Model(model.inputs, model.outputs), or mend its source with "
            "`normdrop fix FILE`"
        )
    raise UsageError(
        f"fix: {kind} is a subclassed model, whose call is its own code: mend its source with "
        "`normdrop fix FILE`, or build it with keras.Sequential or the functional interface; "
        "normdrop.check says what is wrong where"
    )


def _input_layer(layer: Any) -> Any:  # noqa: ANN401 - an InputLayer
    return type(layer).from_config(layer.get_config())


def _identity(layer: Any) -> keras.layers.Identity:  # noqa: ANN401 - a layer
    return keras.layers.Identity(name=f"{layer.name}_moved")
