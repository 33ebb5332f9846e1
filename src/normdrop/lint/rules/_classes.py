"""Classes of modules in a file: which they are, what they keep, and who makes use of it."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeGuard

from normdrop.lint.source import Memo, Source
from normdrop.values.operations import NOISES, NORMS

TORCH_LAYERS = frozenset(
    f"torch.nn.{name}"
    for modules in (*(each.modules for each in NOISES), *(each.modules for each in NORMS.values()))
    for name in modules
)
KERAS_LAYERS = frozenset(
    f"keras.layers.{name}"
    for layers in (
        *(each.keras_layers for each in NOISES),
        *(each.keras_layers for each in NORMS.values()),
    )
    for name in layers
)
# What a class or an argument is called that makes a norm or dropout layer.
_MAKES = re.compile(
    r"(?:norm_?layer|bn_?layer|norm_?act|drop_?layer|drop_?path|norm|bn)|DropPath\w*|DropBlock\w*"
    r"|StochasticDepth|(?:Sync|Batch|Layer|Group|Instance|Fused|Frozen|RMS)\w*Norm\w*|\w*Dropout\w*"
)
_MODULES = re.compile(r"(?:^|\.)\w*Module$|^torch\.nn\.\w+$|^keras\.(?:layers\.)?(?:Model|Layer)$")
FORWARDS = frozenset({"forward", "call"})


@dataclass(frozen=True, eq=False)
class Kept:
    """A layer that a class keeps as an attribute of `self`."""

    name: str
    made: ast.Call
    owner: ast.ClassDef


class Classes:
    """The classes of one file."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._called = {id(call.node): call.name for call in source.calls}
        self._named = {node.name: node for node in source.classes}
        self._bases: Memo[ast.ClassDef, list[ast.ClassDef | str]] = Memo(self._read_bases)
        self.above: Memo[ast.ClassDef, list[ast.ClassDef]] = Memo(self._read_above)
        """A class and the classes of the file that it derives from."""
        self.family: Memo[ast.ClassDef, list[ast.ClassDef]] = Memo(self._read_family)
        """A class, those it derives from, and those that derive from it."""
        # Every function of a class asks for them, and a class may have hundreds.
        self._kept: Memo[ast.ClassDef, list[Kept]] = Memo(self._read_kept)

    def _read_bases(self, node: ast.ClassDef) -> list[ast.ClassDef | str]:
        found: list[ast.ClassDef | str] = []
        for base in node.bases:
            own = self._named.get(base.id) if isinstance(base, ast.Name) else None
            if own is not None and own is not node:
                found.append(own)
            else:
                found.append(self._source.name(base) or ast.unparse(base))
        return found

    def _read_above(self, node: ast.ClassDef) -> list[ast.ClassDef]:
        found = [node]
        for each in found:
            bases = (base for base in self._bases[each] if isinstance(base, ast.ClassDef))
            found.extend(base for base in bases if base not in found)
        return found

    def foreign(self, node: ast.ClassDef) -> list[str]:
        """The classes of other files that a class derives from, directly or not."""
        return [
            base for each in self.above[node] for base in self._bases[each] if isinstance(base, str)
        ]

    def _read_family(self, node: ast.ClassDef) -> list[ast.ClassDef]:
        below = [each for each in self._source.classes if node in self.above[each]]
        return list(dict.fromkeys([*self.above[node], *below]))

    def is_module(self, node: ast.ClassDef) -> bool:
        """Whether it is a class of modules or layers."""
        return any(_MODULES.search(base) for base in self.foreign(node))

    def is_torch(self, node: ast.ClassDef) -> bool:
        """Whether it is a class of modules of torch."""
        foreign = self.foreign(node)
        return self.is_module(node) and not any(base.startswith("keras.") for base in foreign)

    def layer(self, call: ast.expr) -> str:
        """The class of the norm or dropout layer that a call makes; empty for another call."""
        if not isinstance(call, ast.Call):
            return ""
        name = self._called.get(id(call), "")
        last = last_name(call.func)
        if name in TORCH_LAYERS or name in KERAS_LAYERS:
            return name.rpartition(".")[2]
        functional = name.startswith(("torch.", "keras.", "tensorflow.")) and last[:1].islower()
        return last if not functional and _MAKES.fullmatch(last) else ""

    def kept(self, node: ast.ClassDef) -> list[Kept]:
        """The norm and dropout layers that a class keeps: `self.norm = BatchNorm2d(8)`."""
        return self._kept[node]

    def _read_kept(self, node: ast.ClassDef) -> list[Kept]:
        return [
            Kept(target.attr, made, node)
            for function in methods(node)
            for each in statements(function)
            if isinstance(each, ast.Assign)
            for target, value in _pairs(each)
            for made in [value.body if isinstance(value, ast.IfExp) else value]
            if is_own(target) and isinstance(made, ast.Call) and self.layer(made)
        ]


def statements(node: ast.AST) -> Iterator[ast.stmt]:
    """The statements below a node, in reading order."""
    for name in ("body", "handlers", "orelse", "finalbody"):
        for each in getattr(node, name, ()):
            if isinstance(each, ast.stmt):
                yield each
            yield from statements(each)


def last_name(node: ast.expr) -> str:
    """`c` of `a.b.c`; empty for what is no name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _pairs(node: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    """`a, b = x, y` pairwise, and `a = x`."""
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from zip(target.elts, node.value.elts, strict=False)
        else:
            yield target, node.value


def methods(node: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    """The methods of a class."""
    return (each for each in node.body if isinstance(each, ast.FunctionDef))


def is_own(node: ast.AST) -> TypeGuard[ast.Attribute]:
    """Whether it is an attribute of `self`."""
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    )


@lru_cache(maxsize=8)
def classes_of(source: Source) -> Classes:
    """The classes of a file, read once for all rules."""
    return Classes(source)
