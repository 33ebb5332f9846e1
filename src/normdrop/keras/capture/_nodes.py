"""From Keras' calls to the graph's nodes."""

from collections.abc import Mapping
from typing import Any

import keras

from normdrop.keras.capture import (
    _activations,
    _arithmetic,
    _compound,
    _noises,
    _norms,
    _pools,
    _shapes,
    _weights,
)
from normdrop.keras.capture._description import CallOf, Describe, Description
from normdrop.keras.capture._layers import ends
from normdrop.keras.capture._trace import Call
from normdrop.shifts.graph import Kind, Node

LAYERS: dict[type, Describe] = {
    **_norms.ENTRIES,
    **_noises.ENTRIES,
    **_weights.ENTRIES,
    **_activations.ENTRIES,
    **_pools.ENTRIES,
    **_arithmetic.ENTRIES,
    **_shapes.ENTRIES,
    **_compound.ENTRIES,
}
"""What describes a layer, by its class or a base of it: the nearest one counts."""
OPERATIONS: dict[str, Describe] = {
    **_activations.OPERATIONS,
    **_pools.OPERATIONS,
    **_arithmetic.OPERATIONS,
    **_shapes.OPERATIONS,
}
"""What describes an operation of `keras.ops`, by the name of its class."""
_NOTHING = frozenset({"ConvertToTensor"})
"""Operations that Keras puts before a model's first layer, and that do nothing to a tensor."""


class Builder:
    """Turns calls into nodes, in order.

    Attributes:
        nodes: The nodes so far.
    """

    def __init__(self, paths: Mapping[int, str], inputs: list[keras.KerasTensor]) -> None:
        self.nodes: list[Node] = []
        self._paths = paths
        self._ids: dict[int, int] = {}
        self._lines: dict[str, dict[int, int]] = {}
        for tensor in inputs:
            self._ids[id(tensor)] = len(self.nodes)
            self.nodes.append(
                Node(len(self.nodes), Kind.INPUT, "input", (), _shape(tensor), tensor.dtype)
            )

    def id_of(self, tensor: keras.KerasTensor) -> int:
        """The node that yields a tensor; a new constant for one that no call and no input made."""
        if id(tensor) not in self._ids:
            self._ids[id(tensor)] = len(self.nodes)
            made = Node(
                len(self.nodes), Kind.CONSTANT, "constant", (), _shape(tensor), tensor.dtype
            )
            self.nodes.append(made)
        return self._ids[id(tensor)]

    def add(self, call: Call, *, training: bool) -> None:
        """The nodes of one call: one for each tensor it yields, or several in a row."""
        sources = tuple(self.id_of(tensor) for tensor in call.tensors)
        if type(call.operation).__name__ in _NOTHING and sources:
            self._ids[id(call.outputs[0])] = sources[0]
            return
        for number, tensor in enumerate(call.outputs):
            taken = sources
            for description in _described(call, tensor, training=training):
                taken = (self._append(call, description, taken, tensor, number),)
            self._ids[id(tensor)] = taken[0]

    def _append(
        self,
        call: Call,
        description: Description,
        sources: tuple[int, ...],
        tensor: keras.KerasTensor,
        number: int,
    ) -> int:
        operation = call.operation
        kind = type(operation).__name__
        path = self._paths.get(id(operation))
        inside = call.inside if path is None else path
        node = Node(
            len(self.nodes),
            description.kind,
            description.operation or kind,
            sources,
            _shape(tensor),
            tensor.dtype,
            layer=self._named(call) if path is None else path,
            module=inside,
            modules=tuple(inside[:end] for end in ends(inside)) if inside else (),
            module_type=kind if path else "",
            channel_axis=description.channel_axis,
            details=description.details,
            parameters=description.parameters,
            output=number,
        )
        self.nodes.append(node)
        return node.id

    def _named(self, call: Call) -> str:
        """A name for an operation that is no layer, the same in every run."""
        name = f"{call.inside}.{type(call.operation).__name__.lower()}()".lstrip(".")
        numbers = self._lines.setdefault(name, {})
        number = numbers.setdefault(id(call), len(numbers) + 1)
        return name if number == 1 else f"{name}#{number}"


def _described(call: Call, tensor: keras.KerasTensor, *, training: bool) -> list[Description]:
    read = CallOf(
        call.operation,
        tuple(_shape(each) for each in call.tensors),
        _shape(tensor),
        call.args,
        call.kwargs,
        bool(call.kwargs.get("training", training)),
    )
    describe = _describes(call.operation)
    found = describe(read) if describe and read.shapes else None
    if isinstance(found, list):
        return found
    return [found or Description(Kind.UNKNOWN)]


def _describes(operation: Any) -> Describe | None:  # noqa: ANN401 - a layer or operation
    if not isinstance(operation, keras.layers.Layer):
        return OPERATIONS.get(type(operation).__name__)
    kinds = type(operation).__mro__
    return next((LAYERS[kind] for kind in kinds if kind in LAYERS), None)


def _shape(tensor: keras.KerasTensor) -> tuple[int, ...]:
    return tuple(int(extent) for extent in tensor.shape)
