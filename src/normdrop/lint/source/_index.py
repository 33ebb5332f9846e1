"""What one walk through a file collects."""

import ast
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from normdrop.lint.source._memo import Memo

Definition: TypeAlias = "tuple[ast.FunctionDef | ast.AsyncFunctionDef, ast.ClassDef | None]"


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


class _Under(Enum):
    """What a node stands directly under, as far as that matters."""

    ELSEWHERE = 0
    WITH = 1
    STATEMENT = 2


# A node, the function and the class it stands in, and what it stands directly under.
_Seat: TypeAlias = (
    "tuple[ast.AST, ast.FunctionDef | ast.AsyncFunctionDef | None, ast.ClassDef | None, _Under]"
)
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
class CallSeat:
    """A call and what it stands in."""

    node: ast.Call
    function: ast.FunctionDef | ast.AsyncFunctionDef | None
    owner: ast.ClassDef | None
    alone: bool


class Index:
    """The imports, classes, functions and calls of a file, in reading order.

    A stack instead of recursion bears any depth of nesting.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.imports: list[ast.Import | ast.ImportFrom] = []
        self.classes: list[ast.ClassDef] = []
        self.functions: list[Definition] = []
        self.calls: list[CallSeat] = []
        self.defined: set[str] = set()
        stack: list[_Seat] = [(tree, None, None, _Under.ELSEWHERE)]
        while stack:
            node, function, owner, under = stack.pop()
            kind = type(node)
            if isinstance(node, ast.Call):
                self.calls.append(CallSeat(node, function, owner, under is _Under.STATEMENT))
            elif kind in _NOTED:
                function, owner = self._note(node, function, owner)
            below = _Under.WITH if kind is ast.With else _Under.ELSEWHERE
            # `with raises(...): Layer(...)` makes use of the layer.
            if kind is ast.Expr and under is not _Under.WITH:
                below = _Under.STATEMENT
            for name in _FIELDS[kind]:
                inside = getattr(node, name)
                if type(inside) is list:
                    inner = [each for each in reversed(inside) if type(each) not in _LEAVES]
                    stack.extend([(each, function, owner, below) for each in inner])
                elif type(inside) not in _LEAVES:
                    stack.append((inside, function, owner, below))

    def _note(
        self,
        node: ast.AST,
        function: ast.FunctionDef | ast.AsyncFunctionDef | None,
        owner: ast.ClassDef | None,
    ) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef | None, ast.ClassDef | None]:
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
