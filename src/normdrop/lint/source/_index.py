"""What one walk through a file collects."""

import ast
from dataclasses import dataclass
from typing import TypeAlias

from normdrop.lint.source._memo import Memo

Definition: TypeAlias = "tuple[ast.FunctionDef | ast.AsyncFunctionDef, ast.ClassDef | None]"


@dataclass(frozen=True, slots=True)
class SourceCall:
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


# The function and the class that a node stands in.
_Scope: TypeAlias = "tuple[ast.FunctionDef | ast.AsyncFunctionDef | None, ast.ClassDef | None]"
# What has nothing inside that is collected here: more than half of all nodes.
_LEAVES = frozenset(
    [
        *(ast.Name, ast.Constant, ast.alias, ast.Pass, ast.Break, ast.Continue),
        *(ast.Global, ast.Nonlocal, type(None), str, int, bool),
        *ast.expr_context.__subclasses__(),
        *ast.boolop.__subclasses__(),
        *ast.operator.__subclasses__(),
        *ast.unaryop.__subclasses__(),
        *ast.cmpop.__subclasses__(),
    ]
)
_NOTED = frozenset(
    [ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom]
)


_PLAIN = {"ctx", "op", "ops", "id", "attr", "kind", "module", "level", "type_comment", "names"}


def _fields(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a kind of node that may hold others, the last first."""
    return tuple(name for name in reversed(kind._fields) if name not in _PLAIN)


_FIELDS = Memo(_fields)


@dataclass(slots=True)
class UnresolvedCall:
    """A call and what it stands in."""

    node: ast.Call
    function: ast.FunctionDef | ast.AsyncFunctionDef | None
    owner: ast.ClassDef | None
    alone: bool


class Index:
    """The imports, classes, functions and calls of a file, in reading order.

    A stack instead of recursion bears any depth of nesting.
    """

    def __init__(self, tree: ast.Module) -> None:  # noqa: C901 - one walk, by every node of a file
        self.imports: list[ast.Import | ast.ImportFrom] = []
        self.classes: list[ast.ClassDef] = []
        self.functions: list[Definition] = []
        self.calls: list[UnresolvedCall] = []
        self.defined: set[str] = set()
        # Statements that are a call and nothing else, but not straight under a `with`:
        # `with raises(...): Layer(...)` makes use of the layer.
        alone: set[int] = set()
        held: set[int] = set()
        stack: list[tuple[ast.AST, _Scope]] = [(tree, (None, None))]
        while stack:
            node, scope = stack.pop()
            kind = type(node)
            if isinstance(node, ast.Call):
                self.calls.append(UnresolvedCall(node, *scope, id(node) in alone))
            elif isinstance(node, ast.Expr):
                if id(node) not in held:
                    alone.add(id(node.value))
            elif isinstance(node, ast.With):
                held.update(map(id, node.body))
            elif kind in _NOTED:
                scope = self._note(node, *scope)
            for name in _FIELDS[kind]:
                inside = getattr(node, name)
                for each in reversed(inside) if type(inside) is list else (inside,):
                    below = each
                    while type(below) is ast.Attribute:
                        below = below.value
                    if type(below) not in _LEAVES:
                        stack.append((below, scope))

    def _note(
        self,
        node: ast.AST,
        function: ast.FunctionDef | ast.AsyncFunctionDef | None,
        owner: ast.ClassDef | None,
    ) -> _Scope:
        """Note a definition or an import; the function and class around what is inside it."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self.functions.append((node, owner if function is None else None))
            if function is None and owner is None:
                self.defined.add(node.name)
            return node, owner
        if isinstance(node, ast.ClassDef):
            self.classes.append(node)
            self.defined.add(node.name)
            return None, node
        if isinstance(node, ast.Import | ast.ImportFrom):
            self.imports.append(node)
        return function, owner
