"""What holds of a piece of source however often a run comes by it."""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from normdrop.lint.source._memo import Memo
from normdrop.lint.source._values import Constant, LayerOperation
from normdrop.values.location import Location

if TYPE_CHECKING:
    from normdrop.lint.source._arguments import Arguments


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes.

    Attributes:
        positional: The parameters that may be given by position.
        parameters: Those, and the ones that are given by name alone.
        defaults: What some are worth when they are left out.
        generates: Whether the function yields.
    """

    positional: tuple[str, ...]
    parameters: tuple[str, ...]
    defaults: dict[str, ast.expr]
    generates: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """What is tested: its text, the names in it, and whether it asks for the mode by its name."""

    text: str
    names: tuple[str, ...]
    by_mode: bool


class Notes:
    """The places, literals, conditions, layers and signatures of one file, each read once.

    Every call of a function runs through it again, and so does every way through its conditions.

    Args:
        file: The file's path.
        lines: The lines of the file; empty if no function in it yields, None if they are not known.
    """

    def __init__(self, file: str, lines: Sequence[bytes] | None) -> None:
        self.file = file
        self._lines = lines
        self.place: Memo[ast.AST, Location] = Memo(self._place)
        self.constant: Memo[ast.Constant, Constant] = Memo(lambda node: Constant(node.value))
        self.condition: Memo[ast.expr, Condition] = Memo(_condition)
        self.layers: dict[tuple[str, Location], tuple[Arguments, tuple[LayerOperation, ...]]] = {}
        self.signature: Memo[ast.FunctionDef, Signature] = Memo(self._signature)

    def _place(self, node: ast.AST) -> Location:
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        return Location(self.file, line, column + 1)

    def _signature(self, function: ast.FunctionDef) -> Signature:
        given = function.args
        positional = [each.arg for each in (*given.posonlyargs, *given.args)]
        named = [each.arg for each in given.kwonlyargs]
        defaults = dict(zip(reversed(positional), reversed(given.defaults), strict=False))
        defaults |= {
            name: default
            for name, default in zip(named, given.kw_defaults, strict=True)
            if default is not None
        }
        generates = (self._lines is None or self._says_yield(self._lines, function)) and any(
            isinstance(each, ast.Yield | ast.YieldFrom) for each in ast.walk(function)
        )
        return Signature(tuple(positional), (*positional, *named), defaults, generates)

    @staticmethod
    def _says_yield(lines: Sequence[bytes], function: ast.FunctionDef) -> bool:
        written = lines[function.lineno - 1 : function.end_lineno]
        return any(b"yield" in line for line in written)


def _condition(test: ast.expr) -> Condition:
    names = tuple(each.id for each in ast.walk(test) if isinstance(each, ast.Name))
    text = ast.unparse(test)
    return Condition(text, names, _MODE.search(text) is not None)


_MODE = re.compile(r"(?i)(?<!cons)(?<!pre)train(?!ed|able)|(?<![a-z])eval|infer|predict|determin")
