"""What a call does to the tensors that flow into it."""

import ast
from abc import ABC, abstractmethod
from collections.abc import Sequence

from normdrop.graph import Kind, Location

from ._arguments import Arguments
from ._keras_layers import keras_layer, keras_merge
from ._sketch import Draft
from ._torch_layers import torch_function, torch_layer
from ._values import (
    OPAQUE,
    Chain,
    Class,
    Constant,
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
from ._worlds import World

_DEEPEST = 6
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
Names = dict[str, Value]


class Calls(ABC):
    """The calls of one run through a piece of source.

    Attributes:
        file: The file's path, for locations.
        shared: The names of the module.
        world: How open conditions are answered.
        draft: The graph of all tensors that flow.
        chains: Sequential models made on the way.
        instances: Modules of the file's own classes made on the way.
    """

    def __init__(self, file: str, shared: Names, world: World) -> None:
        self.file = file
        self.shared = shared
        self.world = world
        self.draft = Draft()
        self.chains: list[Chain] = []
        self.instances: list[Instance] = []
        self.depth = 0

    @abstractmethod
    def body(self, statements: Sequence[ast.stmt], names: Names) -> Value:
        """Run statements and give back what they return."""

    @abstractmethod
    def value(self, node: ast.expr, names: Names) -> Value:
        """What an expression is worth."""

    def place(self, node: ast.AST) -> Location:
        """Where something is written."""
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        return Location(self.file, line, column + 1)

    def call(self, called: Value, given: Arguments, place: Location) -> Value:  # noqa: PLR0911 - one for every kind of value
        """What a call yields."""
        match called:
            case Imported(name):
                return self._imported(name, given, place)
            case Layer() | Chain():
                return self.apply(called, given, place)
            case Instance():
                return self._forward(called, given, place)
            case Function():
                return self.enter(called, given)
            case Method(owner, function):
                return self.enter(function, given, owner)
            case Class():
                return self._make(called, given, place)
            case _:
                return self.unknown(given, place)

    def unknown(self, given: Arguments, place: Location, name: str = "call") -> Value:
        """A call of which nothing is known: a tensor if tensors go in."""
        flows = [each for value in _all(given) for each in _flows(value)]
        return Flow(self.draft.unknown(flows, place, name)) if flows else OPAQUE

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
        flows = _flows(value)
        if len(flows) == 1 and isinstance(value, Flow):
            return flows[0]
        return self.draft.unknown(flows, place) if flows else self.draft.input(place)

    def _merge(self, part: Part, values: Listing, layer: Layer | None, place: Location) -> Value:
        inputs = [self.entering(item, place) for item in values.items]
        return Flow(self.draft.add(part, inputs, place, layer=layer))

    def _imported(self, name: str, given: Arguments, place: Location) -> Value:
        library, _, last = name.rpartition(".")
        if library == "torch.nn":
            return self._torch(last, given, place)
        if library in {"torch", "torch.nn.functional"}:
            return self._torch_function(last, given, place)
        if library == "keras.layers":
            return self._keras(last, given, place)
        if name == "keras.Sequential":
            items = given.get("layers", 0)
            listed = items.items if isinstance(items, Listing) else []
            if items is not None and not isinstance(items, Listing):
                listed = [OPAQUE]
            return self._chain(listed, place)
        if name in {"keras.Model", "keras.models.Model"}:
            self._outputs(given.get("outputs" if "output" not in given.named else "output", 1))
            return OPAQUE
        return self.unknown(given, place, last)

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
        parts = torch_layer(name, given)
        if parts is None:
            parts = (Part(Kind.UNKNOWN, name),)
        return Layer(parts, place, library="torch")

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
        parts = keras_layer(name, given)
        if parts is None:
            parts = (Part(Kind.UNKNOWN, name),)
        return Layer(parts, place, library="keras")

    def _chain(self, items: list[Value], place: Location) -> Chain:
        chain = Chain(items, place)
        for item in items:
            if isinstance(item, Chain | Instance):
                item.used = True
        self.chains.append(chain)
        return chain

    def _outputs(self, value: Value | None) -> None:
        self.draft.outputs.extend(_flows(value) if value is not None else ())

    def _make(self, made_of: Class, given: Arguments, place: Location) -> Value:
        """An instance of one of the file's own module classes."""
        if module_kind(made_of) is None:
            return self.unknown(given, place)
        instance = Instance(made_of, place)
        self.instances.append(instance)
        start = method(made_of, "__init__")
        if start is not None:
            self.enter(start, given, instance)
        return instance

    def _forward(self, instance: Instance, given: Arguments, place: Location) -> Value:
        """Call a module of the file's own."""
        instance.used = True
        for name in ("forward", "call"):
            forward = method(instance.made_of, name)
            if forward is not None:
                return self.enter(forward, given, instance)
        return self.unknown(given, place)

    def enter(self, function: Function, given: Arguments, owner: Instance | None = None) -> Value:
        """Run a function of the file's own."""
        if self.depth >= _DEEPEST or _is_generator(function.node):
            return self.unknown(given, self.place(function.node))
        names = self.bound(function, given, owner)
        if names is None:
            return self.unknown(given, self.place(function.node))
        self.depth += 1
        try:
            return self.body(function.node.body, names)
        finally:
            self.depth -= 1

    def bound(self, function: Function, given: Arguments, owner: Instance | None) -> Names | None:
        """The names a call binds; None where it does not fit the function."""
        signature = function.node.args
        names: Names = dict(function.names)
        parameters = [*signature.posonlyargs, *signature.args]
        positional = ([owner] if owner is not None else []) + list(given.positional)
        if len(positional) > len(parameters) and signature.vararg is None:
            return None
        defaults = dict(
            zip([p.arg for p in parameters[::-1]], signature.defaults[::-1], strict=False)
        )
        defaults |= {
            p.arg: default
            for p, default in zip(signature.kwonlyargs, signature.kw_defaults, strict=True)
            if default is not None
        }
        for index, parameter in enumerate([*parameters, *signature.kwonlyargs]):
            name = parameter.arg
            if index < min(len(positional), len(parameters)):
                names[name] = positional[index]
            elif name in given.named:
                names[name] = given.named[name]
            elif name == "training":
                names[name] = Constant(value=True)
            elif not given.whole or name not in defaults:
                names[name] = Symbol(name)
            else:
                names[name] = self.value(defaults[name], names)
        if signature.vararg:
            names[signature.vararg.arg] = Listing([*positional[len(parameters) :]])
        if signature.kwarg:
            names[signature.kwarg.arg] = OPAQUE
        return names

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


def _all(given: Arguments) -> list[Value]:
    return [*given.positional, *given.named.values()]


def _flows(value: Value) -> list[int]:
    """The tensors in a value."""
    if isinstance(value, Flow):
        return [value.node]
    if isinstance(value, Listing):
        return [each for item in value.items for each in _flows(item)]
    return []


def _is_generator(node: ast.FunctionDef) -> bool:
    """Whether it yields; found once for every function."""
    known: bool | None = getattr(node, "is_generator", None)
    if known is None:
        known = any(isinstance(each, ast.Yield | ast.YieldFrom) for each in ast.walk(node))
        node.is_generator = known  # type: ignore[attr-defined] # a note of this module's own
    return known


def method(made_of: Class, name: str, deepest: int = _DEEPEST) -> Function | None:
    """A method that the class, or a class of the file that it derives from, defines."""
    for node in reversed(made_of.node.body):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return Function(node, made_of.names)
    for base in made_of.node.bases:
        known = made_of.names.get(base.id) if isinstance(base, ast.Name) else None
        if isinstance(known, Class) and deepest:
            return method(known, name, deepest - 1)
    return None


def module_kind(made_of: Class, deepest: int = _DEEPEST) -> str | None:
    """`"torch"` or `"keras"` for a class of modules; None for another."""
    for base in made_of.node.bases:
        dotted = ast.unparse(base)
        root, _, rest = dotted.partition(".")
        known = made_of.names.get(root)
        if isinstance(known, Class) and not rest and deepest:
            kind = module_kind(known, deepest - 1)
            if kind:
                return kind
        name = f"{known.name}.{rest}".rstrip(".") if isinstance(known, Imported) else dotted
        last = name.rpartition(".")[2]
        if name == "torch.nn.Module" or last.endswith("Module"):
            return "torch"
        if name in {"keras.Model", "keras.models.Model", "keras.layers.Layer", "keras.Layer"}:
            return "keras"
    return None
