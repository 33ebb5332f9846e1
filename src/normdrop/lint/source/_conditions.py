"""Which way a condition of the source goes."""

import ast
import operator
from collections.abc import Callable, Hashable
from typing import Any

from normdrop.lint.source._calls import Calls
from normdrop.lint.source._definitions import Names
from normdrop.lint.source._values import OPAQUE, Constant, Flow, Listing, Opaque, Symbol, Value

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], object]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}


class Conditions(Calls):
    """The conditions of one run."""

    def read_choice(self, node: ast.IfExp, names: Names) -> Value:
        """`a if test else b`."""
        return self.value(node.body if self.holds(node.test, names) else node.orelse, names)

    def holds(self, test: ast.expr, names: Names) -> bool:
        """Whether a condition holds, in this world where it is open."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            return not self.holds(test.operand, names)
        if isinstance(test, ast.BoolOp):
            if isinstance(test.op, ast.And):
                return all(self.holds(each, names) for each in test.values)
            return any(self.holds(each, names) for each in test.values)
        known = self._compared(test, names) if isinstance(test, ast.Compare) else None
        if known is None and not isinstance(test, ast.Compare):
            known = _truth(self.value(test, names) if not isinstance(test, ast.Call) else OPAQUE)
        return self.world.decide(self._key(test, names)) if known is None else known

    def _compared(self, test: ast.Compare, names: Names) -> bool | None:
        """A comparison with one sign, if both sides are known."""
        left, right = self.value(test.left, names), self.value(test.comparators[0], names)
        sign = type(test.ops[0])
        if (
            len(test.ops) != 1
            or isinstance(left, Opaque | Symbol)
            or isinstance(right, Opaque | Symbol)
        ):
            return None
        if isinstance(left, Constant) and isinstance(right, Constant) and sign in _COMPARE:
            try:
                return bool(_COMPARE[sign](left.value, right.value))
            except TypeError:
                return None
        if isinstance(right, Constant) and right.value is None and sign in {ast.Is, ast.IsNot}:
            return sign is ast.IsNot
        return None

    def _key(self, test: ast.expr, names: Names) -> Hashable:
        """What makes two open conditions the same one."""
        condition = self.notes.condition[test]
        known = [names.get(each) for each in condition.names]
        unknown = tuple(each.name if isinstance(each, Symbol) else "" for each in known)
        constants = tuple(str(each.value) for each in known if isinstance(each, Constant))
        if isinstance(test, ast.Name | ast.Attribute):
            value = self.value(test, names)
            if isinstance(value, Symbol):
                return value.name
        return condition.text, unknown, constants


def _truth(value: Value) -> bool | None:
    if isinstance(value, Constant):
        return bool(value.value)
    if isinstance(value, Opaque | Symbol | Flow):
        return None
    return bool(value.items) if isinstance(value, Listing) else True
