"""One run through a function or a module body, statement by statement."""

import ast
import contextlib
from collections.abc import Callable, Sequence

from normdrop.lint.source._arguments import Arguments
from normdrop.lint.source._definitions import Names
from normdrop.lint.source._expressions import Expressions
from normdrop.lint.source._sketch import TooLarge
from normdrop.lint.source._values import (
    OPAQUE,
    Chain,
    Class,
    Flow,
    Function,
    Instance,
    Listing,
    Value,
    name_after,
)

_MOST_STEPS = 6000


class Returned(Exception):  # noqa: N818 - a way out of nested statements, not an error
    """A `return` was reached."""

    def __init__(self, value: Value) -> None:
        super().__init__()
        self.value = value


class Left(Exception):  # noqa: N818 - a way out of nested statements, not an error
    """A `break` or `continue` was reached."""


class Run(Expressions):
    """The statements of one run."""

    steps = 0

    def body(self, statements: Sequence[ast.stmt], names: Names) -> Value:
        """Run a function's statements and give back what it returns."""
        try:
            self.execute(statements, names)
        except Returned as returned:
            return returned.value
        return OPAQUE

    def execute(self, statements: Sequence[ast.stmt], names: Names) -> None:
        """Run statements in order."""
        for statement in statements:
            self.steps += 1
            if self.steps > _MOST_STEPS:
                raise TooLarge
            step = _STEPS.get(type(statement))
            if step is not None:
                step(self, statement, names)

    def step_assign(self, node: ast.Assign, names: Names) -> None:
        """`a = b = value`."""
        value = self.value(node.value, names)
        for target in node.targets:
            self.bind(target, value, names)

    def step_annotated(self, node: ast.AnnAssign, names: Names) -> None:
        """`a: type = value`."""
        if node.value is not None:
            self.bind(node.target, self.value(node.value, names), names)

    def step_augmented(self, node: ast.AugAssign, names: Names) -> None:
        """`a += value`."""
        old, change = self.value(node.target, names), self.value(node.value, names)
        self.bind(node.target, self.combined(old, node.op, change, node), names)

    def bind(self, target: ast.expr, value: Value, names: Names) -> None:
        """Give a value to a name, an attribute, or to several."""
        if isinstance(target, ast.Name):
            names[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            for index, item in enumerate(target.elts):
                self.bind(item, self._part(value, index, len(target.elts), target), names)
        elif isinstance(target, ast.Attribute):
            owner = self.value(target.value, names)
            if isinstance(owner, Instance):
                owner.attributes[target.attr] = value
                name_after(value, f"{owner.path}.{target.attr}".lstrip("."))
        elif isinstance(target, ast.Subscript):
            owner = self.value(target.value, names)
            if isinstance(owner, Listing | Chain):
                owner.items[:] = [OPAQUE]

    def _part(self, value: Value, index: int, count: int, node: ast.AST) -> Value:
        if isinstance(value, Listing) and len(value.items) == count:
            return value.items[index]
        if isinstance(value, Flow):
            return Flow(self.draft.unknown((value.node,), self.place(node)))
        return OPAQUE

    def step_expression(self, node: ast.Expr, names: Names) -> None:
        """An expression for its effect."""
        self.value(node.value, names)

    def step_if(self, node: ast.If, names: Names) -> None:
        """One branch; a branch that only raises is not a way to go."""
        if _raises(node.body):
            return self.execute(node.orelse, names)
        if node.orelse and _raises(node.orelse):
            return self.execute(node.body, names)
        return self.execute(node.body if self.holds(node.test, names) else node.orelse, names)

    def step_for(self, node: ast.For, names: Names) -> None:
        """Every round of a known loop, two rounds of another."""
        for item in self.rounds(node.iter, names):
            self.bind(node.target, item, names)
            with contextlib.suppress(Left):
                self.execute(node.body, names)

    def step_while(self, node: ast.While, names: Names) -> None:
        """One round: that there is a second cannot be proven."""
        with contextlib.suppress(Left):
            self.execute(node.body, names)

    def step_leave(self, _node: ast.stmt, _names: Names) -> None:
        """The rest of this round is not run."""
        raise Left

    def step_with(self, node: ast.With, names: Names) -> None:
        """The statements inside."""
        for item in node.items:
            if item.optional_vars is not None:
                self.bind(item.optional_vars, OPAQUE, names)
        self.execute(node.body, names)

    def step_try(self, node: ast.Try, names: Names) -> None:
        """The way on which nothing is raised."""
        self.execute([*node.body, *node.orelse, *node.finalbody], names)

    def step_return(self, node: ast.Return, names: Names) -> None:
        """The end of the function."""
        value = self.value(node.value, names) if node.value else OPAQUE
        raise Returned(value)

    def step_function(self, node: ast.FunctionDef, names: Names) -> None:
        """A definition."""
        names[node.name] = OPAQUE if node.decorator_list else Function(node, names)

    def step_class(self, node: ast.ClassDef, names: Names) -> None:
        """A definition."""
        names[node.name] = Class(node, names)

    def lower(self, value: Chain | Instance) -> None:
        """Draw a model that nothing in the source calls."""
        given = Arguments([OPAQUE])
        result = self.call(value, given, value.place)
        if isinstance(result, Flow):
            self.draft.outputs.append(result.node)


def _raises(statements: Sequence[ast.stmt]) -> bool:
    return bool(statements) and isinstance(statements[-1], ast.Raise)


_STEPS: dict[type[ast.stmt], Callable[..., None]] = {
    ast.Assign: Run.step_assign,
    ast.AnnAssign: Run.step_annotated,
    ast.AugAssign: Run.step_augmented,
    ast.Expr: Run.step_expression,
    ast.If: Run.step_if,
    ast.For: Run.step_for,
    ast.While: Run.step_while,
    ast.With: Run.step_with,
    ast.Try: Run.step_try,
    ast.Break: Run.step_leave,
    ast.Continue: Run.step_leave,
    ast.Return: Run.step_return,
    ast.FunctionDef: Run.step_function,
    ast.ClassDef: Run.step_class,
}
