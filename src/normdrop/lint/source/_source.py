"""A Python file as the rules see it: read, never executed."""

import ast
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from normdrop.lint.source._index import Definition, Index, SourceCall
from normdrop.lint.source._names import dotted, imports
from normdrop.values.location import Location

if TYPE_CHECKING:
    from normdrop.lint.source._sketch import Sketch


@dataclass(frozen=True)
class Source:
    """A parsed file.

    Attributes:
        path: Where it was read.
        lines: Its lines.
        tree: Its syntax tree.
        imported: What its imports bind, by the names their libraries document.
        calls: Every call.
        classes: Every class.
        functions: Every function, and the class it is a method of.
    """

    path: str
    lines: tuple[bytes, ...] = field(repr=False)
    tree: ast.Module = field(repr=False)
    imported: Mapping[str, str]
    calls: tuple[SourceCall, ...] = field(repr=False)
    classes: tuple[ast.ClassDef, ...] = field(repr=False)
    functions: tuple[Definition, ...] = field(repr=False)

    @cached_property
    def sketches(self) -> "tuple[Sketch, ...]":
        """The models and parts of models the file describes, as far as that can be proven."""
        # Most files describe no model; those that follow models are imported for those that do.
        from normdrop.lint.source._roots import sketches
        from normdrop.lint.source._values import Imported, Value

        names: dict[str, Value] = {name: Imported(to) for name, to in self.imported.items()}
        return tuple(sketches(self.path, self.tree, names, self.lines))

    def calls_of(self, names: Collection[str]) -> list[SourceCall]:
        """The calls of what has one of these names, in reading order."""
        if self._called.isdisjoint(names):
            return []
        return [call for call in self.calls if call.name in names]

    @cached_property
    def _called(self) -> frozenset[str]:
        return frozenset(call.name for call in self.calls)

    def place(self, node: ast.AST) -> Location:
        """Where something is written."""
        return Location(self.path, getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1)

    def name(self, node: ast.expr) -> str:
        """What a dotted name stands for; empty if it is not imported."""
        return dotted(node, self.imported)


def parse_source(path: str, text: str | bytes) -> Source:
    r"""Parse a file.

    Args:
        path: Its path, for locations.
        text: Its content.

    Raises:
        SyntaxError: It is not Python.
        ValueError: It holds a null byte.
        RecursionError, MemoryError: It is nested too deeply for Python's own parser.

    >>> source = parse_source("net.py", "import torch.nn as nn\nlayer = nn.Dropout(0.5)")
    >>> [call.name for call in source.calls]
    ['torch.nn.Dropout']
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text)
    found = Index(tree)
    imported, stars = imports(found.imports)
    imported = _starred(stars) | imported
    for name in found.defined & set(imported):
        del imported[name]
    calls = tuple(
        SourceCall(
            call.node, dotted(call.node.func, imported), call.function, call.owner, call.alone
        )
        for call in found.calls
    )
    lines = tuple((text.encode() if isinstance(text, str) else text).splitlines())
    return Source(path, lines, tree, imported, calls, tuple(found.classes), tuple(found.functions))


def _starred(stars: list[str]) -> dict[str, str]:
    if not stars:
        return {}
    from normdrop.lint.source._keras_layers import KERAS_NAMES
    from normdrop.lint.source._torch_layers import TORCH_NAMES

    known = {"keras.layers": KERAS_NAMES, "torch.nn": TORCH_NAMES}
    found = {name: f"{star}.{name}" for star in stars for name in known.get(star, ())}
    if {"keras", "keras.models"} & set(stars):
        found |= {"Sequential": "keras.Sequential", "Model": "keras.Model"}
    return found
