"""What the layers and functions of the libraries draw where a source calls them."""

from collections.abc import Callable

from normdrop.lint.source._arguments import Arguments
from normdrop.lint.source._keras_layers import keras_layer, keras_merge
from normdrop.lint.source._notes import Notes
from normdrop.lint.source._sketch import Draft
from normdrop.lint.source._torch_layers import torch_function, torch_layer
from normdrop.lint.source._values import (
    OPAQUE,
    Chain,
    Flow,
    Instance,
    Layer,
    Listing,
    Part,
    Value,
    flows,
)
from normdrop.shifts.graph import Kind
from normdrop.values.location import Location

_RESHAPES = frozenset(
    [
        "view",
        "reshape",
        "flatten",
        "permute",
        "transpose",
        "squeeze",
        "unsqueeze",
        "contiguous",
        "to",
        "float",
        "half",
        "double",
        "detach",
        "clone",
        "expand",
        "repeat",
        "type",
        "cuda",
        "cpu",
    ]
)


class Libraries:
    """The calls of one run that leave the file, drawn on its draft.

    Args:
        notes: What is known of the file's nodes.
        draft: The graph of all tensors that flow.

    Attributes:
        chains: Sequential models made on the way.
    """

    def __init__(self, notes: Notes, draft: Draft) -> None:
        self._notes = notes
        self._draft = draft
        self.chains: list[Chain] = []

    def call(self, name: str, given: Arguments, place: Location) -> Value:
        """What calling a library's object yields, by the name its library documents."""
        library, _, last = name.rpartition(".")
        if library == "torch.nn":
            return self._torch(last, given, place)
        if library in {"torch", "torch.nn.functional"}:
            return self._torch_function(last, given, place)
        if library == "keras.layers" or name == "keras.Input":
            return self._keras(last, given, place)
        if name in {"keras.Sequential", "keras.Model", "keras.models.Model"}:
            return self._keras_model(last, given, place)
        return self._draft.opaque(given.values(), place, last)

    def _keras_model(self, name: str, given: Arguments, place: Location) -> Value:
        if name == "Sequential":
            items = given.get("layers", 0)
            listed = items.items if isinstance(items, Listing) else []
            if items is not None and not isinstance(items, Listing):
                listed = [OPAQUE]
            return self._chain(listed, place)
        outputs = given.get("outputs" if "output" not in given.named else "output", 1)
        self._draft.outputs.extend(flows(outputs) if outputs is not None else ())
        return OPAQUE

    def _torch(self, name: str, given: Arguments, place: Location) -> Value:
        if name == "Sequential":
            listed = given.positional
            if len(listed) == 1 and isinstance(listed[0], Listing):
                listed = listed[0].items
            items: list[Value] = list(listed)
            if not given.whole:
                items.append(OPAQUE)
            return self._chain(items, place)
        if name == "ModuleList":
            first = given.get("modules", 0)
            return Listing(
                first.items if isinstance(first, Listing) else [] if first is None else [OPAQUE]
            )
        return Layer(self._parts(torch_layer, name, given, place), place, library="torch")

    def _torch_function(self, name: str, given: Arguments, place: Location) -> Value:
        first = given.get("input", 0)
        if name in {"cat", "concat", "stack"} and isinstance(first, Listing):
            part = keras_merge("Concatenate")
            return self._draft.merge(part, first.items, place) if part else OPAQUE
        parts = torch_function(name, given) if isinstance(first, Flow) else None
        if parts is None or first is None:
            return self._draft.opaque(given.values(), place, name)
        return self._draft.layer(Layer(parts, place, library="torch"), first, place)

    def _keras(self, name: str, given: Arguments, place: Location) -> Value:
        if name == "Input":
            return Flow(self._draft.input(place))
        merge = keras_merge(name)
        if merge is not None and name[0].islower():
            first = given.get("inputs", 0)
            if isinstance(first, Listing):
                return self._draft.merge(merge, first.items, place)
        if merge is not None:
            return Layer((merge,), place, library="keras")
        return Layer(self._parts(keras_layer, name, given, place), place, library="keras")

    def _parts(
        self,
        read: Callable[[str, Arguments], tuple[Part, ...] | None],
        name: str,
        given: Arguments,
        place: Location,
    ) -> tuple[Part, ...]:
        """What a layer does; read again only where the arguments are not those of last time."""
        known = self._notes.layers.get((name, place))
        if known is not None and known[0] == given:
            return known[1]
        parts = read(name, given)
        if parts is None:
            parts = (Part(Kind.UNKNOWN, name),)
        self._notes.layers[name, place] = given.snapshot(), parts
        return parts

    def _chain(self, items: list[Value], place: Location) -> Chain:
        chain = Chain(items, place)
        for item in items:
            if isinstance(item, Chain | Instance):
                item.used = True
        self.chains.append(chain)
        return chain

    def layer(self, layer: Layer, first: Value, place: Location) -> Value:
        """Call a layer on its first argument."""
        if isinstance(first, Listing) and len(layer.parts) == 1:
            merge = keras_merge(layer.parts[0].operation)
            if merge is not None:
                return self._draft.merge(merge, first.items, place, layer)
        return self._draft.layer(layer, first, place)

    def method(self, tensor: Flow, name: str, given: Arguments, place: Location) -> Value:
        """Call a method of a tensor."""
        if name in _RESHAPES:
            return Flow(self._draft.reshape(tensor.node, place, name))
        if name == "mean":
            return Flow(self._draft.average(tensor.node, place))
        if name in {"size", "dim", "numel", "item"}:
            return OPAQUE
        parts = torch_function(name, Arguments([tensor]))
        if parts is not None:
            return self._draft.layer(Layer(parts, place, library="torch"), tensor, place)
        return self._draft.opaque([tensor, *given.values()], place, name)
