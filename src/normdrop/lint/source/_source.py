"""A Python file as the rules see it: read, never executed."""

import ast
import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from normdrop.lint.source._index import Definition, Index, SourceCall
from normdrop.lint.source._names import dotted, imports, is_library
from normdrop.values.location import Location

if TYPE_CHECKING:
    from normdrop.lint.source._project import Project
    from normdrop.lint.source._sketch import Sketch


@dataclass(frozen=True, eq=False)
class Source:
    """A parsed file; no two are the same.

    Attributes:
        path: Where it was read.
        lines: Its lines.
        tree: Its syntax tree.
        imported: What its imports bind, by the names their libraries document.
        calls: Every call.
        classes: Every class.
        functions: Every function, and the class it is a method of.
        stops: Where the following of `sketches` stopped short, and why; filled as they are drawn.
    """

    path: str
    lines: tuple[bytes, ...] = field(repr=False)
    tree: ast.Module = field(repr=False)
    imported: Mapping[str, str]
    calls: tuple[SourceCall, ...] = field(repr=False)
    classes: tuple[ast.ClassDef, ...] = field(repr=False)
    functions: tuple[Definition, ...] = field(repr=False)
    stops: list[tuple[Location, str]] = field(default_factory=list, repr=False)
    _stars: tuple[str, ...] = field(default=(), repr=False)
    _project: "Project | None" = field(default=None, repr=False, compare=False)

    @cached_property
    def sketches(self) -> "tuple[Sketch, ...]":
        """The models and parts of models the file describes, as far as that can be proven."""
        # Most files describe no model; those that follow models are imported for those that do.
        from normdrop.lint.source._models import sketches

        project = self._project or open_project()
        names = project.bound(self.path, self.imported, self._stars)
        return tuple(sketches(self.path, self.tree, names, self.lines, project, self.stops))

    def calls_of(self, names: Collection[str]) -> list[SourceCall]:
        """The calls of what has one of these names, in reading order."""
        if self._called.isdisjoint(names):
            return []
        return [call for call in self.calls if call.name in names]

    @cached_property
    def _called(self) -> frozenset[str]:
        return frozenset(call.name for call in self.calls)

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes that a node stands in, the innermost first."""
        while (outer := self._parents.get(id(node))) is not None:
            yield outer
            node = outer

    @cached_property
    def _parents(self) -> dict[int, ast.AST]:
        return {
            id(inner): outer
            for outer in ast.walk(self.tree)
            for inner in ast.iter_child_nodes(outer)
        }

    def place(self, node: ast.AST) -> Location:
        """Where something is written."""
        return Location(self.path, getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1)

    def name(self, node: ast.expr) -> str:
        """What a dotted name stands for; empty if it is not imported."""
        return dotted(node, self.imported)


def open_project() -> "Project":
    """Files that import one another, none of which is read yet."""
    # Where no file is worth parsing, nothing that follows models is imported.
    from normdrop.lint.source._project import Project

    return Project()


def parse_source(path: str, text: str | bytes, project: "Project | None" = None) -> Source:
    r"""Parse a file.

    Args:
        path: Its path, for locations.
        text: Its content.
        project: The files around it, read so far; None to look for them anew.

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
    data = text.encode() if isinstance(text, str) else text
    if stars:
        from normdrop.lint.source._libraries import starred

        imported = starred(stars) | imported
    imported |= _handed_on(path, data, imported, project)
    imported |= _renamed(tree, imported)
    if b"keras" in data:
        called = {call.node.func.id for call in found.calls if isinstance(call.node.func, ast.Name)}
        alone = _KERAS_ALONE | (set() if b"torch" in data else {"Dropout"})
        imported |= {name: f"keras.layers.{name}" for name in alone & called - set(imported)}
    for name in found.defined & set(imported):
        del imported[name]
    calls = tuple(
        SourceCall(
            call.node, dotted(call.node.func, imported), call.function, call.owner, call.alone
        )
        for call in found.calls
    )
    lines = tuple(data.splitlines())
    return Source(
        path,
        lines,
        tree,
        imported,
        calls,
        tuple(found.classes),
        tuple(found.functions),
        _stars=tuple(stars),
        _project=project,
    )


# What modules are called whose names are those of a library, whoever hands them on.
_HANDED_ON = {
    "keras": "keras",
    "tf": "tensorflow",
    "layers": "keras.layers",
    "models": "keras.models",
}
# What nothing but Keras calls a layer, wherever a file gets it.
_KERAS_ALONE = frozenset(
    {"BatchNormalization", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"}
)
_HANDED_OVER = re.compile(
    rb"\b(layers|models|keras)\b[\w, \t]*=[ \t]*[\w.]*(?:kwargs\b|submodules|keras_module)"
)


def _renamed(tree: ast.Module, imported: Mapping[str, str]) -> dict[str, str]:
    """What the body of a file gives another name: `layers = tf.keras.layers`."""
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute):
            target, name = node.targets[0], dotted(node.value, imported)
            if isinstance(target, ast.Name) and target.id not in imported and is_library(name):
                found[target.id] = name
    return found


def _handed_on(
    path: str, text: bytes, imported: Mapping[str, str], project: "Project | None"
) -> dict[str, str]:
    """Modules of a library that a file takes from another file, or from its caller.

    `from .backend import layers`, and `layers = kwargs["layers"]`.
    """
    found: dict[str, str] = {}
    for name, target in imported.items():
        last = target.rpartition(".")[2]
        if last in _HANDED_ON and not is_library(target):
            project = project or open_project()
            led = project.library(path, target)
            if led is None and (last == "keras" or "backend" in target):
                led = _HANDED_ON[last]
            if led:
                found[name] = led
    for line in _HANDED_OVER.finditer(text) if b"kwargs" in text else ():
        for word in re.findall(rb"\w+", line[0].partition(b"=")[0]):
            name = word.decode()
            if name in _HANDED_ON and name not in imported:
                found[name] = _HANDED_ON[name]
    return found
