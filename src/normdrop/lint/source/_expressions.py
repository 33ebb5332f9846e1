"""What expressions of the source are worth."""

import ast
import operator
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import lru_cache

from normdrop.lint.source._arguments import Arguments
from normdrop.lint.source._conditions import Conditions
from normdrop.lint.source._definitions import Names, method
from normdrop.lint.source._names import canonical
from normdrop.lint.source._values import (
    OPAQUE,
    Chain,
    Constant,
    Flow,
    Imported,
    Instance,
    Listing,
    Method,
    Opaque,
    Part,
    Symbol,
    Value,
    name_after,
)
from normdrop.shifts.graph import Kind, Product, Sum

_MOST_ITEMS = 12
_UNKNOWN_ROUNDS = 2
_COUNTED_ROUNDS = 3
# What has attributes that are values; anything else has methods alone.
_ATTRIBUTED = (Imported, Instance, Symbol, Opaque)
_SUMS = (ast.Add, ast.Sub)
_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}


class Expressions(Conditions):
    """The expressions of one run."""

    @abstractmethod
    def bind(self, target: ast.expr, value: Value, names: Names) -> None:
        """Give a value to what an assignment names."""

    def value(self, node: ast.expr, names: Names) -> Value:
        """What an expression is worth; opaque for whatever is not followed."""
        # Two of three expressions are a name or a literal.
        if isinstance(node, ast.Name):
            return names.get(node.id, OPAQUE)
        if isinstance(node, ast.Constant):
            return self.notes.constant[node]
        reader = _READERS.get(type(node))
        return reader(self, node, names) if reader else OPAQUE

    def read_attribute(self, node: ast.Attribute, names: Names) -> Value:
        """An attribute of a module, an instance or an import."""
        return self._attribute(self.value(node.value, names), node.attr)

    def _attribute(self, owner: Value, attribute: str) -> Value:
        if isinstance(owner, Imported):
            return _imported(owner.name, attribute)
        if isinstance(owner, Instance):
            return self._member(owner, attribute)
        return Symbol(f"{owner.name}.{attribute}") if isinstance(owner, Symbol) else OPAQUE

    def _member(self, owner: Instance, name: str) -> Value:
        if name in owner.attributes:
            return owner.attributes[name]
        if name == "training":
            return Constant(value=True)
        function = method(owner.made_of, name)
        return Method(owner, function) if function else Symbol(f"{owner.path}.{name}")

    def read_call(self, node: ast.Call, names: Names) -> Value:
        """A call."""
        place = self.place(node)
        given = self._given(node, names)
        if isinstance(node.func, ast.Attribute):
            if _calls(node.func.value, "super"):
                return OPAQUE
            # Once: what its calls draw is drawn once, and a chain of calls takes no longer than its
            # length.
            owner = self.value(node.func.value, names)
            if not isinstance(owner, _ATTRIBUTED):
                return self.method_of(owner, node.func.attr, given, place)
            if isinstance(owner, Instance) and node.func.attr == "add_module":
                return self._add_module(owner, given)
            return self.call(self._attribute(owner, node.func.attr), given, place)
        called = self.value(node.func, names)
        if isinstance(called, Opaque) and isinstance(node.func, ast.Name):
            listed = _looped(node.func.id, given)
            if listed is not None:
                return listed
        return self.call(called, given, place)

    def _add_module(self, owner: Instance, given: Arguments) -> Value:
        name, module = given.get("name", 0), given.get("module", 1)
        if isinstance(name, Constant) and module is not None:
            owner.attributes[str(name.value)] = module
            name_after(module, f"{owner.path}.{name.value}".lstrip("."))
        return OPAQUE

    def _given(self, node: ast.Call, names: Names) -> Arguments:
        positional: list[Value] = []
        whole = True
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                several = self.value(argument.value, names)
                if isinstance(several, Listing):
                    positional.extend(several.items)
                else:
                    whole = False
            else:
                positional.append(self.value(argument, names))
        named = {
            keyword.arg: self.value(keyword.value, names)
            for keyword in node.keywords
            if keyword.arg
        }
        return Arguments(positional, named, whole and len(named) == len(node.keywords))

    def read_list(self, node: ast.List | ast.Tuple, names: Names) -> Value:
        """A list or tuple."""
        items: list[Value] = []
        for item in node.elts:
            if isinstance(item, ast.Starred):
                several = self.value(item.value, names)
                items.extend(several.items if isinstance(several, Listing) else [OPAQUE])
            else:
                items.append(self.value(item, names))
        return Listing(items)

    def read_comprehension(self, node: ast.ListComp | ast.GeneratorExp, names: Names) -> Value:
        """A comprehension over one iterable."""
        loop = node.generators[0]
        if len(node.generators) > 1 or loop.ifs:
            return OPAQUE
        made: list[Value] = []
        inside = dict(names)
        for item in self.rounds(loop.iter, names):
            self.bind(loop.target, item, inside)
            made.append(self.value(node.elt, inside))
        return Listing(made)

    def rounds(self, iterable: ast.expr, names: Names) -> Sequence[Value]:
        """What a loop goes through; for an unknown iterable, twice an unknown."""
        if _calls(iterable, "range"):
            given = self._given(iterable, names) if isinstance(iterable, ast.Call) else Arguments()
            count = given.positional[0] if len(given.positional) == 1 else OPAQUE
            return [Constant(index) for index in range(_rounds(count))]
        several = self.value(iterable, names)
        if isinstance(several, Listing | Chain):
            return several.items[:_MOST_ITEMS]
        return [OPAQUE] * _UNKNOWN_ROUNDS

    def read_operation(self, node: ast.BinOp, names: Names) -> Value:
        """Arithmetic on tensors, lists and numbers."""
        left, right = self.value(node.left, names), self.value(node.right, names)
        return self.combined(left, node.op, right, node)

    def read_sign(self, node: ast.UnaryOp, names: Names) -> Value:
        """A negative number."""
        value = self.value(node.operand, names)
        if isinstance(node.op, ast.USub) and isinstance(value, Constant):
            return _number(0, ast.Sub(), value.value)
        return OPAQUE

    def combined(self, left: Value, sign: ast.operator, right: Value, node: ast.AST) -> Value:
        """`left op right`."""
        if isinstance(left, Flow) or isinstance(right, Flow):
            return self._arithmetic(left, sign, right, node)
        if isinstance(left, Listing) and isinstance(right, Listing) and isinstance(sign, ast.Add):
            return Listing([*left.items, *right.items])
        if isinstance(left, Listing) and isinstance(sign, ast.Mult):
            return OPAQUE
        if isinstance(left, Constant) and isinstance(right, Constant):
            return _number(left.value, sign, right.value)
        return OPAQUE

    def _arithmetic(self, left: Value, sign: ast.operator, right: Value, node: ast.AST) -> Value:
        place = self.place(node)
        inputs = [
            self.entering(side, place) for side in (left, right) if not isinstance(side, Constant)
        ]
        if isinstance(sign, _SUMS):
            part = Part(Kind.ADD, "add", Sum((1.0,) * len(inputs)))
        elif isinstance(sign, ast.Mult | ast.Div):
            part = Part(Kind.MULTIPLY, "multiply", Product((1.0,) * len(inputs)))
        else:
            part = Part(Kind.UNKNOWN, type(sign).__name__.lower())
        return Flow(self.draft.add(part, inputs, place))

    def read_subscript(self, node: ast.Subscript, names: Names) -> Value:
        """A part of a tensor, or an item of a list."""
        owner = self.value(node.value, names)
        if isinstance(owner, Flow):
            return Flow(self.draft.reshape(owner.node, self.place(node), "getitem"))
        items = getattr(owner, "items", None)
        index = self.value(node.slice, names)
        if isinstance(items, list) and isinstance(index, Constant) and isinstance(index.value, int):
            inside = -len(items) <= index.value < len(items)
            return items[index.value] if inside else OPAQUE
        return OPAQUE


_READERS: dict[type[ast.expr], Callable[..., Value]] = {
    ast.Attribute: Expressions.read_attribute,
    ast.Call: Expressions.read_call,
    ast.List: Expressions.read_list,
    ast.Tuple: Expressions.read_list,
    ast.ListComp: Expressions.read_comprehension,
    ast.GeneratorExp: Expressions.read_comprehension,
    ast.BinOp: Expressions.read_operation,
    ast.UnaryOp: Expressions.read_sign,
    ast.Subscript: Expressions.read_subscript,
    ast.IfExp: Expressions.read_choice,
}


@lru_cache(maxsize=4096)
def _imported(owner: str, attribute: str) -> Imported:
    return Imported(canonical(f"{owner}.{attribute}"))


def _number(left: object, sign: ast.operator, right: object) -> Value:
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        return OPAQUE
    function = _ARITHMETIC.get(type(sign))
    try:
        return Constant(function(left, right)) if function else OPAQUE
    except ArithmeticError:
        return OPAQUE


def _calls(node: ast.expr, name: str) -> bool:
    """Whether it is a call of a builtin function."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _rounds(count: Value) -> int:
    """How often a counted loop is followed."""
    if isinstance(count, Constant) and isinstance(count.value, int):
        return min(count.value, _COUNTED_ROUNDS)
    return _UNKNOWN_ROUNDS


def _looped(name: str, given: Arguments) -> Value | None:
    """`enumerate` and `zip` of known lists, `list` and `tuple` of one."""
    several = [value for value in given.positional if isinstance(value, Listing)]
    if not several or len(several) != len(given.positional):
        return None
    if name == "enumerate":
        pairs = [Listing([Constant(i), item]) for i, item in enumerate(several[0].items)]
        return Listing(list(pairs))
    if name == "zip":
        return Listing(
            [Listing(list(row)) for row in zip(*(s.items for s in several), strict=False)]
        )
    return Listing(list(several[0].items)) if name in {"list", "tuple"} else None
