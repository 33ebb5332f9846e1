"""Functions and classes that the file defines, and what calling them yields."""

import ast
from abc import ABC, abstractmethod
from collections.abc import Sequence

from normdrop.lint.source._arguments import Arguments
from normdrop.lint.source._notes import Notes
from normdrop.lint.source._sketch import Draft
from normdrop.lint.source._values import (
    OPAQUE,
    Chain,
    Class,
    Constant,
    Flow,
    Function,
    Imported,
    Instance,
    Listing,
    Symbol,
    Value,
)
from normdrop.lint.source._worlds import World
from normdrop.values.location import Location

_DEEPEST = 6
Names = dict[str, Value]


class Definitions(ABC):
    """One run through a piece of source, and the functions and classes it goes through.

    Attributes:
        notes: What is known of the file's nodes.
        shared: The names of the module.
        world: How open conditions are answered.
        draft: The graph of all tensors that flow.
        chains: Sequential models made on the way.
        instances: Modules of the file's own classes made on the way.
        entered: The nodes of unknown values that are used as tensors.
    """

    def __init__(self, notes: Notes, shared: Names, world: World) -> None:
        self.notes = notes
        self.shared = shared
        self.world = world
        self.draft = Draft()
        self.chains: list[Chain] = []
        self.instances: list[Instance] = []
        self.entered: dict[Symbol, int] = {}
        self.depth = 0

    @abstractmethod
    def body(self, statements: Sequence[ast.stmt], names: Names) -> Value:
        """Run statements and give back what they return."""

    @abstractmethod
    def value(self, node: ast.expr, names: Names) -> Value:
        """What an expression is worth."""

    def place(self, node: ast.AST) -> Location:
        """Where something is written."""
        return self.notes.place[node]

    def unknown(self, given: Arguments, place: Location, name: str = "call") -> Value:
        """A call of which nothing is known: a tensor if tensors go in."""
        inside = [each for value in _all(given) for each in flows(value)]
        return Flow(self.draft.unknown(inside, place, name)) if inside else OPAQUE

    def make(self, made_of: Class, given: Arguments, place: Location) -> Value:
        """An instance of one of the file's own module classes."""
        if module_kind(made_of) is None:
            return self.unknown(given, place)
        instance = Instance(made_of, place)
        self.instances.append(instance)
        start = method(made_of, "__init__")
        if start is not None:
            self.enter(start, given, instance)
        return instance

    def forward(self, instance: Instance, given: Arguments, place: Location) -> Value:
        """Call a module of the file's own."""
        instance.used = True
        for name in ("forward", "call"):
            forward = method(instance.made_of, name)
            if forward is not None:
                return self.enter(forward, given, instance)
        return self.unknown(given, place)

    def enter(self, function: Function, given: Arguments, owner: Instance | None = None) -> Value:
        """Run a function of the file's own."""
        if self.depth >= _DEEPEST or self.notes.signature[function.node].generates:
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
        taken = function.node.args
        signature = self.notes.signature[function.node]
        names: Names = dict(function.names)
        positional = ([owner] if owner is not None else []) + list(given.positional)
        count = len(signature.positional)
        if len(positional) > count and taken.vararg is None:
            return None
        names.update(zip(signature.positional, positional, strict=False))
        for name in signature.parameters[min(len(positional), count) :]:
            if name in given.named:
                names[name] = given.named[name]
            elif name == "training":
                names[name] = Constant(value=True)
            elif not given.whole or name not in signature.defaults:
                names[name] = Symbol(name)
            else:
                names[name] = self.value(signature.defaults[name], names)
        if taken.vararg:
            names[taken.vararg.arg] = Listing([*positional[count:]])
        if taken.kwarg:
            names[taken.kwarg.arg] = OPAQUE
        return names


def _all(given: Arguments) -> list[Value]:
    return [*given.positional, *given.named.values()]


def flows(value: Value) -> list[int]:
    """The tensors in a value."""
    if isinstance(value, Flow):
        return [value.node]
    if isinstance(value, Listing):
        return [each for item in value.items for each in flows(item)]
    return []


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
