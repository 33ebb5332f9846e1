"""What an expression of the user's source may be worth, as far as it can be proven.

Anything that cannot is `OPAQUE`, and nothing is ever claimed of it.
"""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from normdrop.lint.source._names import canonical
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
class InTraining(Constant):
    """A value that holds in train mode alone: `self.training`, or what is chosen by it."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import binds, by the name its library documents, such as `torch.nn.Dropout`."""

    name: str


@dataclass(frozen=True, slots=True)
class ModuleFile:
    """Another file of the same project."""

    path: str


@dataclass(frozen=True, slots=True, eq=False)
class Elsewhere:
    """A name that is imported from where it may have to be read first.

    Attributes:
        target: What is imported; dots in front count folders upwards.
        find: Reads the file it is in; yields what the name stands for.
        matters: Whether that file may have to do with noise or norms, without parsing it.
    """

    target: str
    find: Callable[[], "Value"]
    matters: Callable[[], bool]


@dataclass(slots=True)
class Listing:
    """A list or tuple, also a `ModuleList`."""

    items: list["Value"]


@dataclass(frozen=True, slots=True)
class LayerOperation:
    """One operation of a layer: a Keras layer with an activation has two.

    Attributes:
        kind: What it does.
        operation: Its name as the source writes it.
        details: What is particular to its kind, where that can be read.
        bias: Whether it certainly adds a bias.
        bias_stated: Whether the source says that it does, or does not.
        width: Number of units it yields, where that can be read.
        axis: Its axis of channels, where the source states it; -1 is the last.
        classes: Whether the source says that it yields one value a class.
        always: Whether it draws in evaluation mode too.
    """

    kind: Kind = field(hash=False)
    operation: str
    # A detail may hold a mapping, which has no hash.
    details: Details | None = field(default=None, hash=False)
    bias: bool = False
    bias_stated: bool = False
    width: int | None = None
    axis: int | None = None
    classes: bool = False
    always: bool = False


@dataclass(slots=True)
class LayerValue:
    """A layer object.

    Attributes:
        parts: Its operations in order.
        place: Where it is made.
        path: Where the model keeps it; empty while it has no name.
        library: `"torch"` or `"keras"`.
    """

    parts: tuple[LayerOperation, ...]
    place: Location
    path: str = ""
    library: str = ""

    @property
    def makes_noise(self) -> bool:
        """Whether it drops or jitters values."""
        return any(part.kind is Kind.NOISE for part in self.parts)

    def awake(self) -> "LayerValue":
        """The layer with its noise on in evaluation mode too."""
        parts = tuple(replace(part, always=part.kind is Kind.NOISE) for part in self.parts)
        return replace(self, parts=parts)


@dataclass(slots=True)
class SequentialValue:
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
class FunctionValue:
    """A function that is followed, the names around it, and the file it is in."""

    node: ast.FunctionDef
    names: Mapping[str, "Value"]
    file: str


@dataclass(slots=True)
class Class:
    """A class that is followed, the names around it, and the file it is in."""

    node: ast.ClassDef
    names: Mapping[str, "Value"]
    file: str


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
    function: FunctionValue


@dataclass(frozen=True, slots=True)
class TensorValue:
    """A tensor: the node it comes from."""

    node: int


Value: TypeAlias = (
    Opaque
    | Symbol
    | Constant
    | Imported
    | ModuleFile
    | Elsewhere
    | Listing
    | LayerValue
    | SequentialValue
    | FunctionValue
    | Class
    | Instance
    | Method
    | TensorValue
)
Names: TypeAlias = dict[str, Value]
"""What the names of a scope are worth."""

OPAQUE = Opaque()
TRAINING = InTraining(value=True)
"""The mode: whatever is drawn is drawn in train mode."""
FORWARDS = ("forward", "call")
"""The methods that run when a module is called, in torch and in Keras."""

DEEPEST = 6
"""How many calls, and how many base classes, are followed into each other."""


def known(value: Value | None) -> Value | None:
    """What a name stands for, also if it is imported from another file."""
    return value.find() if isinstance(value, Elsewhere) else value


def name_after(value: Value, path: str) -> None:
    """Give a layer, and what is inside it, the path under which its owner keeps it; once."""
    if isinstance(value, Listing):
        for index, item in enumerate(value.items):
            name_after(item, f"{path}.{index}")
    elif isinstance(value, LayerValue | SequentialValue | Instance) and not value.path:
        _rename(value, path)


def _rename(value: Value, path: str) -> None:
    """Let a path begin with that of a new owner."""
    if isinstance(value, LayerValue | SequentialValue | Instance):
        value.path = path
    if isinstance(value, Listing | SequentialValue):
        for index, item in enumerate(value.items):
            _rename(item, f"{path}.{index}")
    elif isinstance(value, Instance):
        for name, item in value.attributes.items():
            _rename(item, f"{path}.{name}")


def flows(value: Value) -> list[int]:
    """The tensors in a value."""
    if isinstance(value, TensorValue):
        return [value.node]
    if isinstance(value, Listing):
        return [each for item in value.items for each in flows(item)]
    return []


def method(made_of: Class, name: str, deepest: int = DEEPEST) -> FunctionValue | None:
    """A method that the class, or a class of the file that it derives from, defines."""
    for node in reversed(made_of.node.body):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return FunctionValue(node, made_of.names, made_of.file)
    for base in bases(made_of) if deepest else ():
        if isinstance(base, Class):
            inherited = method(base, name, deepest - 1)
            if inherited is not None:
                return inherited
    return None


def bases(made_of: Class) -> Iterator["Class | str"]:
    """What a class derives from: classes of the file, and others by their documented names."""
    for base in made_of.node.bases:
        dotted = base.id if isinstance(base, ast.Name) else ast.unparse(base)
        root, _, rest = dotted.partition(".")
        found = known(made_of.names.get(root))
        if isinstance(found, Class) and not rest:
            yield found
        elif isinstance(found, Imported):
            yield canonical(f"{found.name}.{rest}".rstrip("."))
        else:
            yield dotted


def overridden(made_of: Class, function: ast.FunctionDef) -> "Class | str | None":
    """The first base of the class, among one and those it derives from, that has a method."""
    waiting: list[Class] = [made_of]
    for _ in range(DEEPEST):
        if not waiting:
            return None
        current = waiting.pop(0)
        if function in current.node.body:
            return next(bases(current), None)
        waiting.extend(each for each in bases(current) if isinstance(each, Class))
    return None


def is_sequential(made_of: Class, deepest: int = DEEPEST) -> bool:
    """Whether it derives from torch's `Sequential`."""
    return any(
        (isinstance(base, Class) and deepest > 0 and is_sequential(base, deepest - 1))
        or base == "torch.nn.Sequential"
        for base in bases(made_of)
    )


def module_kind(made_of: Class, deepest: int = DEEPEST) -> str | None:
    """`"torch"` or `"keras"` for a class of modules; None for another."""
    for base in bases(made_of):
        if isinstance(base, Class):
            kind = module_kind(base, deepest - 1) if deepest else None
            if kind:
                return kind
        elif base == "torch.nn.Sequential" or base.endswith("Module"):
            return "torch"
        elif base in {"keras.Model", "keras.models.Model", "keras.layers.Layer", "keras.Layer"}:
            return "keras"
    return None


def definitions(statements: Sequence[ast.stmt]) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """The functions and classes that statements define, also under a condition or in a loop."""
    for node in statements:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node
        elif isinstance(node, ast.If | ast.Try | ast.With | ast.For | ast.While):
            for name in ("body", "orelse", "finalbody"):
                yield from definitions(getattr(node, name, []))
            for handler in getattr(node, "handlers", []):
                yield from definitions(handler.body)
