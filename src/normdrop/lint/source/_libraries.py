"""What the layers and functions of the libraries draw where a source calls them."""

from collections.abc import Callable

from normdrop.lint.source._arguments import Arguments
from normdrop.lint.source._keras_layers import keras_layer, keras_merge
from normdrop.lint.source._notes import Notes
from normdrop.lint.source._sketch import Draft
from normdrop.lint.source._torch_layers import torch_function, torch_layer
from normdrop.lint.source._values import (
    OPAQUE,
    Constant,
    Instance,
    LayerOperation,
    LayerValue,
    Listing,
    SequentialValue,
    TensorValue,
    Value,
    flows,
)
from normdrop.shifts.graph import Kind
from normdrop.values.location import Location
from normdrop.values.operations import NORMS, SHAPES

# Methods that lose none of the values: padding, slicing and selecting do other things to moments.
_RESHAPES = frozenset(
    name
    for shape in SHAPES
    if shape.how in {"view", "copy", "repeat", "reorder", "permute"}
    for name in shape.functions
)
# What yields the object that it is given, or one that computes the same of its input.
_KEEPING = frozenset(
    [
        *(f"torch.nn.utils.{name}" for name in ("weight_norm", "spectral_norm")),
        *(f"torch.nn.utils.{name}" for name in ("remove_weight_norm", "remove_spectral_norm")),
        *(
            f"torch.nn.utils.parametrizations.{name}"
            for name in ("weight_norm", "spectral_norm", "orthogonal")
        ),
        "torch.compile",
        "torch.jit.script",
        "torch.nn.DataParallel",
        "torch.nn.SyncBatchNorm.convert_sync_batchnorm",
        "collections.OrderedDict",
    ]
)
# Arguments that are handed on as `**settings` are a device, a type, a momentum: that they turn
# running statistics off is nothing to reckon with.
_NORMS = frozenset(NORMS["batch"].modules)
# One argument fewer: a lazy class finds its first out by itself.
_BEFORE_TRACKING = NORMS["batch"].arguments.index("track_running_stats") - 1


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
        self.chains: list[SequentialValue] = []

    def call(self, name: str, given: Arguments, place: Location) -> Value:
        """What calling a library's object yields, by the name its library documents."""
        library, _, last = name.rpartition(".")
        if name in _KEEPING and given.positional:
            return given.positional[0]
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
            return self._chain(self.listed(given), place)
        if name == "ModuleList":
            first = given.get("modules", 0)
            return Listing(
                first.items if isinstance(first, Listing) else [] if first is None else [OPAQUE]
            )
        return LayerValue(self._parts(torch_layer, name, given, place), place, library="torch")

    def listed(self, given: Arguments) -> list[Value]:
        """The modules that a `Sequential` of torch is made of."""
        items: list[Value] = [*given.positional]
        if len(items) == 1 and isinstance(items[0], Listing):
            items = [*items[0].items]
            pairs = [item.items for item in items if isinstance(item, Listing)]
            # `OrderedDict([(name, module), ...])`
            if items and [len(pair) for pair in pairs] == [2] * len(items):
                items = [module for _, module in pairs]
        return items if given.whole else [*items, OPAQUE]

    def _torch_function(self, name: str, given: Arguments, place: Location) -> Value:
        first = given.get("input", 0)
        if name in {"cat", "concat", "stack"} and isinstance(first, Listing):
            part = keras_merge("Concatenate")
            return self._draft.merge(part, first.items, place) if part else OPAQUE
        parts = torch_function(name, given) if isinstance(first, TensorValue) else None
        if parts is None or first is None:
            return self._draft.opaque(given.values(), place, name)
        return self._draft.layer(LayerValue(parts, place, library="torch"), first, place)

    def _keras(self, name: str, given: Arguments, place: Location) -> Value:
        if name == "Input":
            return TensorValue(self._draft.input(place))
        merge = keras_merge(name)
        if merge is not None and name[0].islower():
            first = given.get("inputs", 0)
            if isinstance(first, Listing):
                return self._draft.merge(merge, first.items, place)
        if merge is not None:
            return LayerValue((merge,), place, library="keras")
        return LayerValue(self._parts(keras_layer, name, given, place), place, library="keras")

    def _parts(
        self,
        read: Callable[[str, Arguments], tuple[LayerOperation, ...] | None],
        name: str,
        given: Arguments,
        place: Location,
    ) -> tuple[LayerOperation, ...]:
        """What a layer does; read again only where the arguments are not those of last time."""
        if not given.whole and name in _NORMS and len(given.positional) <= _BEFORE_TRACKING:
            given = given.with_default("track_running_stats", Constant(value=True))
        known = self._notes.layers.get((name, place))
        if known is not None and known[0] == given:
            return known[1]
        parts = read(name, given)
        if parts is None:
            parts = (LayerOperation(Kind.UNKNOWN, name),)
        self._notes.layers[name, place] = given.snapshot(), parts
        return parts

    def _chain(self, items: list[Value], place: Location) -> SequentialValue:
        chain = SequentialValue(items, place)
        for item in items:
            if isinstance(item, SequentialValue | Instance):
                item.used = True
        self.chains.append(chain)
        return chain

    def layer(self, layer: LayerValue, first: Value, place: Location) -> Value:
        """Call a layer on its first argument."""
        if isinstance(first, Listing) and len(layer.parts) == 1:
            merge = keras_merge(layer.parts[0].operation)
            if merge is not None:
                return self._draft.merge(merge, first.items, place, layer)
        return self._draft.layer(layer, first, place)

    def method(self, tensor: TensorValue, name: str, given: Arguments, place: Location) -> Value:
        """Call a method of a tensor."""
        if name in _RESHAPES:
            return TensorValue(self._draft.reshape(tensor.node, place, name))
        if name == "mean":
            return TensorValue(self._draft.average(tensor.node, place))
        if name in {"size", "dim", "numel", "item"}:
            return OPAQUE
        parts = torch_function(name, Arguments([tensor]))
        if parts is not None:
            return self._draft.layer(LayerValue(parts, place, library="torch"), tensor, place)
        return self._draft.opaque([tensor, *given.values()], place, name)
