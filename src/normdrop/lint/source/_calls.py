"""What a call does to the tensors that flow into it."""

from collections.abc import Callable

from normdrop.lint.source._arguments import Arguments
from normdrop.lint.source._definitions import Definitions, flows
from normdrop.lint.source._keras_layers import keras_layer, keras_merge
from normdrop.lint.source._torch_layers import torch_function, torch_layer
from normdrop.lint.source._values import (
    OPAQUE,
    Chain,
    Class,
    Flow,
    Function,
    Imported,
    Instance,
    Layer,
    Listing,
    Method,
    Part,
    Symbol,
    Value,
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
# How many arguments stand between the function that is run and what it is run on.
CHECKPOINTS = {
    "torch.utils.checkpoint.checkpoint": 0,
    "torch.utils.checkpoint.checkpoint_sequential": 1,
}


class Calls(Definitions):
    """The calls of one run: of layers and functions of the libraries, and of methods."""

    def call(self, called: Value, given: Arguments, place: Location) -> Value:  # noqa: PLR0911 - one for every kind of value
        """What a call yields."""
        match called:
            case Imported(name):
                return self._imported(name, given, place)
            case Layer() | Chain():
                return self.apply(called, given, place)
            case Instance():
                return self.forward(called, given, place)
            case Function():
                return self.enter(called, given)
            case Method(owner, function):
                return self.enter(function, given, owner)
            case Class():
                return self.make(called, given, place)
            case _:
                return self.unknown(given, place)

    def apply(self, layer: Layer | Chain, given: Arguments, place: Location) -> Value:
        """Call a layer or a chain on its first argument."""
        first = (
            given.positional[0] if given.positional else next(iter(given.named.values()), OPAQUE)
        )
        if isinstance(layer, Chain):
            layer.used = True
            flow: Value = Flow(self.entering(first, place))
            for item in layer.items:
                inside = item.place if isinstance(item, Layer | Chain | Instance) else place
                flow = self.call(item, Arguments([flow]), inside)
            return flow
        if isinstance(first, Listing) and len(layer.parts) == 1:
            merge = keras_merge(layer.parts[0].operation)
            if merge is not None:
                return self._merge(merge, first, layer, place)
        number = self.entering(first, place)
        for part in layer.parts:
            number = self.draft.add(part, (number,), place, layer=layer)
        return Flow(number)

    def entering(self, value: Value, place: Location) -> int:
        """The node of a tensor; a new one for a tensor from elsewhere."""
        if isinstance(value, Flow):
            return value.node
        if isinstance(value, Symbol):
            if value not in self.entered:
                self.entered[value] = self.draft.input(place)
            return self.entered[value]
        inside = flows(value)
        return self.draft.unknown(inside, place) if inside else self.draft.input(place)

    def _merge(self, part: Part, values: Listing, layer: Layer | None, place: Location) -> Value:
        inputs = [self.entering(item, place) for item in values.items]
        return Flow(self.draft.add(part, inputs, place, layer=layer))

    def _imported(self, name: str, given: Arguments, place: Location) -> Value:
        library, _, last = name.rpartition(".")
        if library == "torch.nn":
            return self._torch(last, given, place)
        if library in {"torch", "torch.nn.functional"}:
            return self._torch_function(last, given, place)
        if library == "keras.layers" or name == "keras.Input":
            return self._keras(last, given, place)
        if name in {"keras.Sequential", "keras.Model", "keras.models.Model"}:
            return self._keras_model(last, given, place)
        if name in CHECKPOINTS:
            return self._checkpointed(CHECKPOINTS[name], given, place)
        return self.unknown(given, place, last)

    def _keras_model(self, name: str, given: Arguments, place: Location) -> Value:
        if name == "Sequential":
            items = given.get("layers", 0)
            listed = items.items if isinstance(items, Listing) else []
            if items is not None and not isinstance(items, Listing):
                listed = [OPAQUE]
            return self._chain(listed, place)
        self._outputs(given.get("outputs" if "output" not in given.named else "output", 1))
        return OPAQUE

    def _checkpointed(self, dropped: int, given: Arguments, place: Location) -> Value:
        """A call that runs its first argument, and runs it again in the backward pass."""
        if not given.positional:
            return self.unknown(given, place)
        before = len(self.draft.drawn)
        called, rest = given.positional[0], given.positional[1 + dropped :]
        result = self.call(called, Arguments(rest, whole=given.whole), place)
        self.draft.checkpointed.update(range(before, len(self.draft.drawn)))
        return result

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
            return self._merge(part, first, None, place) if part else OPAQUE
        parts = torch_function(name, given) if isinstance(first, Flow) else None
        if parts is None or first is None:
            return self.unknown(given, place, name)
        return self.apply(Layer(parts, place, library="torch"), Arguments([first]), place)

    def _keras(self, name: str, given: Arguments, place: Location) -> Value:
        if name == "Input":
            return Flow(self.draft.input(place))
        merge = keras_merge(name)
        if merge is not None and name[0].islower():
            first = given.get("inputs", 0)
            if isinstance(first, Listing):
                return self._merge(merge, first, None, place)
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
        known = self.notes.layers.get((name, place))
        if known is not None and known[0] == given:
            return known[1]
        parts = read(name, given)
        if parts is None:
            parts = (Part(Kind.UNKNOWN, name),)
        self.notes.layers[name, place] = given.snapshot(), parts
        return parts

    def _chain(self, items: list[Value], place: Location) -> Chain:
        chain = Chain(items, place)
        for item in items:
            if isinstance(item, Chain | Instance):
                item.used = True
        self.chains.append(chain)
        return chain

    def _outputs(self, value: Value | None) -> None:
        self.draft.outputs.extend(flows(value) if value is not None else ())

    def method_of(self, value: Value, name: str, given: Arguments, place: Location) -> Value:
        """Call a method of something that is no module of the file's own."""
        match value:
            case Flow(number):
                if name in _RESHAPES:
                    return Flow(self.draft.reshape(number, place, name))
                if name == "mean":
                    return Flow(self.draft.average(number, place))
                if name in {"size", "dim", "numel", "item"}:
                    return OPAQUE
                parts = torch_function(name, Arguments([value]))
                if parts is not None:
                    return self.apply(
                        Layer(parts, place, library="torch"), Arguments([value]), place
                    )
            case Chain() | Listing():
                return self._grow(value, name, given)
            case _:
                pass
        flows = Arguments([value, *given.positional], given.named)
        return self.unknown(flows, place, name)

    def _grow(self, value: Chain | Listing, name: str, given: Arguments) -> Value:
        """Methods of lists and chains that put something in; any other may change anything."""
        if name in {"append", "add", "add_module"} and given.positional:
            item = given.positional[-1]
            if isinstance(item, Chain | Instance) and isinstance(value, Chain):
                item.used = True
            value.items.append(item)
        elif name == "extend" and given.positional and isinstance(given.positional[0], Listing):
            value.items.extend(given.positional[0].items)
        elif name in {"extend", "insert", "pop", "remove", "clear", "reverse"}:
            value.items[:] = [OPAQUE]
        else:
            return OPAQUE
        return value
