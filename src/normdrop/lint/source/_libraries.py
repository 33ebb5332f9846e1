"""What the layers and functions of the libraries draw where a source calls them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from normdrop.lint.source._arguments import Arguments
from normdrop.lint.source._keras_layers import KERAS_NAMES, keras_layer, keras_merge
from normdrop.lint.source._noise_passes import passing_function
from normdrop.lint.source._notes import Notes
from normdrop.lint.source._sketch import Draft
from normdrop.lint.source._tensorflow_layers import taken, tensorflow_call
from normdrop.lint.source._torch_layers import TORCH_NAMES, torch_function, torch_layer
from normdrop.lint.source._values import (
    OPAQUE,
    Constant,
    Instance,
    LayerOperation,
    LayerValue,
    Listing,
    Opaque,
    SequentialValue,
    Symbol,
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
# Layers of Keras that call another one, on each step or with other weights.
_WRAPPERS = frozenset({"TimeDistributed", "Bidirectional", "SpectralNormalization"})
# Arguments that are handed on as `**settings` are a device, a type, a momentum: that they turn
# running statistics off is nothing to reckon with.
_TENSORS = (TensorValue, Symbol, Opaque)
_NORMS = frozenset(NORMS["batch"].modules)
# One argument fewer: a lazy class finds its first out by itself.
_BEFORE_TRACKING = NORMS["batch"].arguments.index("track_running_stats") - 1


def starred(stars: Sequence[str]) -> dict[str, str]:
    """What `from library import *` is known to bring, by the names the library documents."""
    known = {"keras.layers": KERAS_NAMES, "torch.nn": TORCH_NAMES}
    found = {name: f"{star}.{name}" for star in stars for name in known.get(star, ())}
    if {"keras", "keras.models"} & set(stars):
        found |= {"Sequential": "keras.Sequential", "Model": "keras.Model"}
    return found


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

    def call(  # noqa: PLR0911 - one way for each library
        self, name: str, given: Arguments, place: Location, *, guarded: bool = False
    ) -> Value:
        """What calling a library's object yields, by the name its library documents.

        Args:
            name: That name.
            given: What it is called with.
            place: Where.
            guarded: Whether it is called in train mode alone.
        """
        library, _, last = name.rpartition(".")
        if name in _KEEPING and given.positional:
            return given.positional[0]
        if library == "torch.nn":
            return self._torch(last, given, place)
        if library in {"torch", "torch.nn.functional"}:
            return self._torch_function(last, given, place, guarded=guarded)
        if library == "keras.layers" or name == "keras.Input":
            return self._keras(last, given, place)
        if name in {"keras.Sequential", "keras.Model", "keras.models.Model"}:
            return self._keras_model(last, given, place)
        if name in {"tensorflow.placeholder", "tensorflow.placeholder_with_default"}:
            return TensorValue(self._draft.input(place))
        return self._tensorflow(name, given, place)

    def _tensorflow(self, name: str, given: Arguments, place: Location) -> Value:
        parts = tensorflow_call(name, given)
        first = given.get(taken(name), 0) if parts is not None else None
        # What a layer takes is a tensor, wherever it comes from.
        if (
            parts is None
            or first is None
            or not (isinstance(first, TensorValue) or ".layers." in name)
        ):
            return self._draft.opaque(given.values(), place, name.rpartition(".")[2])
        return self._draft.layer(LayerValue(parts, place, library="keras"), first, place)

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

    def _torch_function(
        self, name: str, given: Arguments, place: Location, *, guarded: bool
    ) -> Value:
        first = given.get("input", 0)
        if name in {"cat", "concat", "stack"} and isinstance(first, Listing):
            part = keras_merge("Concatenate")
            return self._draft.merge(part, first.items, place) if part else OPAQUE
        # What a function of torch takes is a tensor, wherever it comes from.
        parts = torch_function(name, given) if isinstance(first, _TENSORS) else None
        if parts is None or first is None:
            return self._passed(name, given.values(), place)
        if guarded:
            parts = tuple(replace(part, always=False) for part in parts)
        return self._draft.layer(LayerValue(parts, place, library="torch"), first, place)

    def _passed(self, name: str, values: list[Value], place: Location) -> Value:
        """What a function makes of all tensors it is given."""
        part = passing_function(name)
        inside = [each for value in values for each in flows(value)]
        if part is None or not inside:
            return self._draft.opaque(values, place, name)
        return TensorValue(self._draft.add(part, inside, place))

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
        if name in _WRAPPERS:
            wrapped = given.get("layer", 0)
            return wrapped if wrapped is not None else OPAQUE
        if self._notes.channels_last and "Conv" in name:
            given = given.with_default("data_format", Constant("channels_last"))
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
        return self._passed(name, [tensor, *given.values()], place)
