"""What an expression of the user's source may be worth, as far as it can be proven.

Anything that cannot is `OPAQUE`, and nothing is ever claimed of it.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from normdrop.shifts.graph import Details, Kind
from normdrop.values.location import Location


@dataclass(frozen=True, slots=True)
class Opaque:
    """A value of which nothing is known."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """An unknown value that is the same wherever its name stands: a parameter, say."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a string, a truth value or None."""

    value: object


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import binds, by the name its library documents, such as `torch.nn.Dropout`."""

    name: str


@dataclass(slots=True)
class Listing:
    """A list or tuple, also a `ModuleList`."""

    items: list["Value"]


@dataclass(frozen=True, slots=True)
class Part:
    """One operation of a layer: a Keras layer with an activation has two.

    Attributes:
        kind: What it does.
        operation: Its name as the source writes it.
        details: What is particular to its kind, where that can be read.
        bias: Whether it certainly adds a bias.
        bias_stated: Whether the source says that it does, or does not.
        width: Number of units it yields, where that can be read.
        axis: Its axis of channels, where the source states it; -1 is the last.
    """

    kind: Kind = field(hash=False)
    operation: str
    # A detail may hold a mapping, which has no hash.
    details: Details | None = field(default=None, hash=False)
    bias: bool = False
    bias_stated: bool = False
    width: int | None = None
    axis: int | None = None


@dataclass(slots=True)
class Layer:
    """A layer object.

    Attributes:
        parts: Its operations in order.
        place: Where it is made.
        path: Where the model keeps it; empty while it has no name.
        library: `"torch"` or `"keras"`.
    """

    parts: tuple[Part, ...]
    place: Location
    path: str = ""
    library: str = ""


@dataclass(slots=True)
class Chain:
    """Layers that are called one after another: a `Sequential`.

    Attributes:
        items: The layers in order; opaque where one cannot be read.
        place: Where it is made.
        path: Where the model keeps it.
        used: Whether something in the source calls it, or puts it into another model.
    """

    items: list["Value"]
    place: Location
    path: str = ""
    used: bool = False


@dataclass(slots=True)
class Function:
    """A function defined in the file, and the names around it."""

    node: ast.FunctionDef
    names: Mapping[str, "Value"]


@dataclass(slots=True)
class Class:
    """A class defined in the file."""

    node: ast.ClassDef
    names: Mapping[str, "Value"]


@dataclass(slots=True)
class Instance:
    """A module made from a class that the file defines."""

    made_of: Class
    place: Location
    path: str = ""
    attributes: dict[str, "Value"] = field(default_factory=dict)
    used: bool = False


@dataclass(slots=True)
class Method:
    """A method of an instance."""

    owner: Instance
    function: Function


@dataclass(frozen=True, slots=True)
class Flow:
    """A tensor: the node it comes from."""

    node: int


Value: TypeAlias = (
    Opaque
    | Symbol
    | Constant
    | Imported
    | Listing
    | Layer
    | Chain
    | Function
    | Class
    | Instance
    | Method
    | Flow
)
Names: TypeAlias = dict[str, Value]
"""What the names of a scope are worth."""

OPAQUE = Opaque()

DEEPEST = 6
"""How many calls, and how many base classes, are followed into each other."""


def name_after(value: Value, path: str) -> None:
    """Give a layer, and what is inside it, the path under which its owner keeps it; once."""
    if isinstance(value, Listing):
        for index, item in enumerate(value.items):
            name_after(item, f"{path}.{index}")
    elif isinstance(value, Layer | Chain | Instance) and not value.path:
        _rename(value, path)


def _rename(value: Value, path: str) -> None:
    """Let a path begin with that of a new owner."""
    if isinstance(value, Layer | Chain | Instance):
        value.path = path
    if isinstance(value, Listing | Chain):
        for index, item in enumerate(value.items):
            _rename(item, f"{path}.{index}")
    elif isinstance(value, Instance):
        for name, item in value.attributes.items():
            _rename(item, f"{path}.{name}")


def flows(value: Value) -> list[int]:
    """The tensors in a value."""
    if isinstance(value, Flow):
        return [value.node]
    if isinstance(value, Listing):
        return [each for item in value.items for each in flows(item)]
    return []


def method(made_of: Class, name: str, deepest: int = DEEPEST) -> Function | None:
    """A method that the class, or a class of the file that it derives from, defines."""
    for node in reversed(made_of.node.body):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return Function(node, made_of.names)
    for base in made_of.node.bases:
        known = made_of.names.get(base.id) if isinstance(base, ast.Name) else None
        if isinstance(known, Class) and deepest:
            return method(known, name, deepest - 1)
    return None


def module_kind(made_of: Class, deepest: int = DEEPEST) -> str | None:
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
