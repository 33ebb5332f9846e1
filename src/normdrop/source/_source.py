"""A Python file as the rules see it: read, never executed."""

import ast
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from normdrop.graph import Location

from ._keras_layers import KERAS_NAMES
from ._names import canonical, imports
from ._roots import sketches
from ._sketch import Sketch
from ._torch_layers import TORCH_NAMES
from ._values import Imported, Value


@dataclass(frozen=True, slots=True)
class Call:
    """A call in the source.

    Attributes:
        node: The call.
        name: What is called, by the name its library documents; empty if it is not imported.
        function: The function or method it stands in.
        owner: The class that function is a method of.
        alone: Whether nothing is done with what it yields.
    """

    node: ast.Call
    name: str
    function: ast.FunctionDef | ast.AsyncFunctionDef | None
    owner: ast.ClassDef | None
    alone: bool

    def argument(self, name: str, position: int | None = None) -> ast.expr | None:
        """An argument, by name or position."""
        for keyword in self.node.keywords:
            if keyword.arg == name:
                return keyword.value
        before = self.node.args[: position + 1] if position is not None else []
        if position is None or len(before) <= position:
            return None
        return None if any(isinstance(each, ast.Starred) for each in before) else before[position]

    @property
    def whole(self) -> bool:
        """Whether all its arguments are written out."""
        starred = any(isinstance(each, ast.Starred) for each in self.node.args)
        return not starred and all(keyword.arg for keyword in self.node.keywords)


@dataclass(frozen=True)
class Source:
    """A parsed file.

    Attributes:
        path: Where it was read.
        tree: Its syntax tree.
        imported: What its imports bind, by the names their libraries document.
        calls: Every call.
        classes: Every class.
        functions: Every function, and the class it is a method of.
    """

    path: str
    tree: ast.Module
    imported: Mapping[str, str]
    calls: tuple[Call, ...] = field(repr=False)
    classes: tuple[ast.ClassDef, ...] = field(repr=False)
    functions: tuple[tuple[ast.FunctionDef | ast.AsyncFunctionDef, ast.ClassDef | None], ...] = (
        field(repr=False)
    )

    @cached_property
    def sketches(self) -> tuple[Sketch, ...]:
        """The models and parts of models the file describes, as far as that can be proven."""
        names: dict[str, Value] = {name: Imported(to) for name, to in self.imported.items()}
        return tuple(sketches(self.path, self.tree, names))

    def place(self, node: ast.AST) -> Location:
        """Where something is written."""
        return Location(
            self.path, getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
        )

    def name(self, node: ast.expr) -> str:
        """What a dotted name stands for; empty if it is not imported."""
        return _dotted(node, self.imported)


def read(path: str, text: str | bytes) -> Source:
    """Parse a file.

    Args:
        path: Its path, for locations.
        text: Its content.

    Raises:
        SyntaxError: It is not Python.
        ValueError: It holds a null byte.
        RecursionError, MemoryError: It is nested too deeply for Python's own parser.

    >>> source = read("net.py", "import torch.nn as nn\\nlayer = nn.Dropout(0.5)")
    >>> [call.name for call in source.calls]
    ['torch.nn.Dropout']
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text)
    found = _Index()
    found.walk(tree)
    imported, stars = imports(found.imports)
    imported = _starred(stars) | imported
    for name in found.defined & set(imported):
        del imported[name]
    calls = tuple(
        Call(node, _dotted(node.func, imported), function, owner, alone)
        for node, function, owner, alone in found.calls
    )
    return Source(path, tree, imported, calls, tuple(found.classes), tuple(found.functions))


def _starred(stars: list[str]) -> dict[str, str]:
    known = {"keras.layers": KERAS_NAMES, "torch.nn": TORCH_NAMES}
    found = {name: f"{star}.{name}" for star in stars for name in known.get(star, ())}
    if {"keras", "keras.models"} & set(stars):
        found |= {"Sequential": "keras.Sequential", "Model": "keras.Model"}
    return found


def _dotted(node: ast.expr, imported: Mapping[str, str]) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in imported:
        return ""
    return canonical(".".join([imported[node.id], *reversed(parts)]))


class _Index:
    """What one walk through a file collects; a stack instead of recursion bears any depth."""

    def __init__(self) -> None:
        self.imports: list[ast.Import | ast.ImportFrom] = []
        self.classes: list[ast.ClassDef] = []
        self.functions: list[
            tuple[ast.FunctionDef | ast.AsyncFunctionDef, ast.ClassDef | None]
        ] = []
        self.calls: list[
            tuple[
                ast.Call, ast.FunctionDef | ast.AsyncFunctionDef | None, ast.ClassDef | None, bool
            ]
        ] = []
        self.defined: set[str] = set()

    def walk(self, tree: ast.Module) -> None:
        """Collect, in reading order."""
        stack: list[
            tuple[ast.AST, ast.FunctionDef | ast.AsyncFunctionDef | None, ast.ClassDef | None, bool]
        ] = [(tree, None, None, False)]
        while stack:
            node, function, owner, alone = stack.pop()
            kind = type(node)
            if kind is ast.Call and isinstance(node, ast.Call):
                self.calls.append((node, function, owner, alone))
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self.functions.append((node, owner if function is None else None))
                if function is None and owner is None:
                    self.defined.add(node.name)
                function = node
            elif isinstance(node, ast.ClassDef):
                self.classes.append(node)
                self.defined.add(node.name)
                owner, function = node, None
            elif isinstance(node, ast.Import | ast.ImportFrom):
                self.imports.append(node)
            children = list(_children(node))
            is_expression = kind is ast.Expr
            stack.extend((each, function, owner, is_expression) for each in reversed(children))


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """What stands inside a node, but for what holds no code."""
    for name in node._fields:
        value = getattr(node, name, None)
        if type(value) is list:
            for item in value:
                if isinstance(item, ast.AST):
                    yield item
        elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
            yield value
