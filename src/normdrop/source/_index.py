"""What one walk through a file collects."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

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


@dataclass(slots=True)
class _Seat:
    """A node and what it stands in."""

    node: ast.AST
    function: ast.FunctionDef | ast.AsyncFunctionDef | None = None
    owner: ast.ClassDef | None = None
    under: _Under = _Under.ELSEWHERE


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
        stack = [_Seat(tree)]
        while stack:
            seat = stack.pop()
            function, owner = self._see(seat)
            under = _below(seat)
            inside = [_Seat(each, function, owner, under) for each in _children(seat.node)]
            stack.extend(reversed(inside))

    def _see(
        self, seat: _Seat
    ) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef | None, ast.ClassDef | None]:
        """Note what a node is; the function and class that what is inside it stands in."""
        node = seat.node
        if isinstance(node, ast.Call):
            alone = seat.under is _Under.STATEMENT
            self.calls.append(CallSeat(node, seat.function, seat.owner, alone))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self.functions.append((node, seat.owner if seat.function is None else None))
            if seat.function is None and seat.owner is None:
                self.defined.add(node.name)
            return node, seat.owner
        elif isinstance(node, ast.ClassDef):
            self.classes.append(node)
            self.defined.add(node.name)
            return None, node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self.imports.append(node)
        return seat.function, seat.owner


def _below(seat: _Seat) -> _Under:
    """What a node's children stand under; `with raises(...): Layer(...)` makes use of the layer."""
    if isinstance(seat.node, ast.With):
        return _Under.WITH
    if isinstance(seat.node, ast.Expr) and seat.under is not _Under.WITH:
        return _Under.STATEMENT
    return _Under.ELSEWHERE


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
