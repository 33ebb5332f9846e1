"""One run through a function or a module body: what its names, calls and tensors come to."""

import ast
import contextlib
import operator
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from normdrop.lint.source._arguments import Arguments
from normdrop.lint.source._keras_layers import KERAS_NAMES
from normdrop.lint.source._libraries import Libraries
from normdrop.lint.source._names import canonical, counts_classes
from normdrop.lint.source._notes import Notes, Signature
from normdrop.lint.source._possible_ways import World
from normdrop.lint.source._sketch import Draft, TooLarge
from normdrop.lint.source._values import (
    DEEPEST,
    FORWARDS,
    OPAQUE,
    TRAINING,
    Class,
    Constant,
    Default,
    Elsewhere,
    FunctionValue,
    Imported,
    Instance,
    InTraining,
    LayerOperation,
    LayerValue,
    Listing,
    Method,
    ModuleFile,
    Names,
    Opaque,
    SequentialValue,
    Symbol,
    TensorValue,
    Value,
    is_sequential,
    method,
    module_kind,
    name_after,
    overridden,
)
from normdrop.shifts.graph import Kind, Product, Sum
from normdrop.values.location import Location

_MOST_STEPS = 6000
# Beyond that, what other files do is not followed any more.
_MOST_STEPS_ELSEWHERE = 800
_MOST_ITEMS = 12
_UNKNOWN_ROUNDS = 2
_COUNTED_ROUNDS = 3
# How many arguments stand between the function that is run and what it is run on.
_CHECKPOINTS = {
    "torch.utils.checkpoint.checkpoint": 0,
    "torch.utils.checkpoint.checkpoint_sequential": 1,
}
# What has attributes that are values; anything else has methods alone.
_ATTRIBUTED = (Imported, Instance, Symbol, Opaque, ModuleFile)
# Modules that a file takes from its caller, and what it says of them until then.
_HANDED_ON = frozenset({"keras", "keras.layers", "keras.models", "keras.backend"})
_NOTHING = (OPAQUE, Constant(None))
_SUMS = (ast.Add, ast.Sub)
# Whoever asks how many classes there are asks whether there are any.
_MANY = Constant(1000)
_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
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


class Returned(Exception):  # noqa: N818 - a way out of nested statements, not an error
    """A `return` was reached."""

    def __init__(self, value: Value) -> None:
        super().__init__()
        self.value = value


class RoundEnded(Exception):  # noqa: N818 - a way out of nested statements, not an error
    """A `break` or `continue` was reached."""


class Surroundings(Protocol):
    """The other files of a project."""

    @property
    def notes(self) -> Mapping[str, Notes]:
        """What is known of the nodes of each of them."""

    def member(self, module: ModuleFile, name: str) -> Value:
        """What a name of another file stands for."""


class Interpreter:
    """One run through a piece of source, statement by statement.

    What is proven of a value is followed through names, containers, the file's own functions and
    modules, and the libraries' layers; whatever is not is opaque. Tensors are drawn on a draft.

    Args:
        notes: What is known of the file's nodes.
        world: How open conditions are answered.
        project: The files around it.

    Attributes:
        draft: The graph of all tensors that flow.
        chains: Sequential models made on the way.
        instances: Modules of the file's own classes made on the way.
        steps: How many statements were run.
        steps_elsewhere: How many of them stand in other files.
    """

    def __init__(self, notes: Notes, world: World, project: Surroundings) -> None:
        self.draft = Draft()
        self.instances: list[Instance] = []
        self.steps = 0
        self.steps_elsewhere = 0
        self._notes = notes
        self._world = world
        self._project = project
        self._home = notes
        # Where the file was left for the one that is being run, and where the last call stands.
        self._left: Location | None = None
        self._at: Location | None = None
        self._libraries = Libraries(notes, self.draft)
        # The functions of the file that are being run, and whose methods they are.
        self._inside: list[tuple[ast.FunctionDef, Instance | None]] = []
        # How many conditions on the mode stand around what is being run, and whether the last
        # condition asked for it.
        self._guards = 0
        self._by_mode = False
        # Whether more than one way from the condition that is read leads to noise or norms.
        self._matters = False

    @property
    def chains(self) -> list[SequentialValue]:
        """Sequential models made on the way."""
        return self._libraries.chains

    def place(self, node: ast.AST) -> Location:
        """Where something is written."""
        place = self._notes.place[node]
        if self._left is not None:
            self.draft.entries.setdefault(place, self._left)
        return place

    # Statements

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
            self.steps_elsewhere += self._left is not None
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
            was = names.get(target.id)
            if isinstance(was, Imported) and was.name in _HANDED_ON and value in _NOTHING:
                return  # `layers = None`, which somebody fills in
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
            if isinstance(owner, Listing | SequentialValue):
                owner.items[:] = [OPAQUE]

    def _part(self, value: Value, index: int, count: int, node: ast.AST) -> Value:
        if isinstance(value, Listing) and len(value.items) == count:
            return value.items[index]
        if isinstance(value, TensorValue):
            return TensorValue(self.draft.reshape(value.node, self.place(node), "getitem"))
        return OPAQUE

    def step_expression(self, node: ast.Expr, names: Names) -> None:
        """An expression for its effect."""
        self.value(node.value, names)

    def step_if(self, node: ast.If, names: Names) -> None:
        """One branch; a branch that only raises is not a way to go."""
        if _raises(node.body) or (node.orelse and _raises(node.orelse)):
            self.execute(node.orelse if _raises(node.body) else node.body, names)
            return
        taken, by_mode = self._chosen(node, names)
        way, other = (node.body, node.orelse) if taken else (node.orelse, node.body)
        self._guards += by_mode
        self.execute(way, names)
        # Where the other way ends the function, what follows is reached in this mode alone.
        self._guards -= by_mode and not (other and isinstance(other[-1], ast.Return))

    def step_for(self, node: ast.For, names: Names) -> None:
        """Every round of a known loop, two rounds of another."""
        for item in self.rounds(node.iter, names):
            self.bind(node.target, item, names)
            self._round(node.body, names)

    def step_while(self, node: ast.While, names: Names) -> None:
        """One round: that there is a second cannot be proven."""
        self._round(node.body, names)

    def _round(self, body: Sequence[ast.stmt], names: Names) -> None:
        guards = self._guards
        with contextlib.suppress(RoundEnded):
            self.execute(body, names)
        self._guards = guards

    def step_leave(self, _node: ast.stmt, _names: Names) -> None:
        """The rest of this round is not run."""
        raise RoundEnded

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
        names[node.name] = (
            OPAQUE if node.decorator_list else FunctionValue(node, names, self._notes.file)
        )

    def step_class(self, node: ast.ClassDef, names: Names) -> None:
        """A definition."""
        names[node.name] = Class(node, names, self._notes.file)

    # Expressions

    def value(self, node: ast.expr, names: Names) -> Value:
        """What an expression is worth; opaque for whatever is not followed."""
        # Two of three expressions are a name or a literal.
        if isinstance(node, ast.Name):
            found = names.get(node.id, OPAQUE)
            return found.find() if isinstance(found, Elsewhere) else found
        if isinstance(node, ast.Constant):
            return self._notes.constant[node]
        reader = _READERS.get(type(node))
        return reader(self, node, names) if reader else OPAQUE

    def read_attribute(self, node: ast.Attribute, names: Names) -> Value:
        """An attribute of a module, an instance or an import."""
        owner = self.value(node.value, names)
        if isinstance(owner, Opaque | Symbol):
            handed = _handed_over(node)
            if handed is not None:
                return handed
        return self._attribute(owner, node.attr)

    def _attribute(self, owner: Value, attribute: str) -> Value:
        if isinstance(owner, Imported):
            return _imported(owner.name, attribute)
        if isinstance(owner, ModuleFile):
            return self._project.member(owner, attribute)
        if isinstance(owner, Instance):
            return self._member(owner, attribute)
        return Symbol(f"{owner.name}.{attribute}") if isinstance(owner, Symbol) else OPAQUE

    def _member(self, owner: Instance, name: str) -> Value:
        if name in owner.attributes:
            return owner.attributes[name]
        if name == "training":
            return TRAINING
        function = method(owner.made_of, name)
        return Method(owner, function) if function else Symbol(f"{owner.path}.{name}")

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
        if isinstance(several, Listing | SequentialValue):
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
        if isinstance(left, TensorValue) or isinstance(right, TensorValue):
            return self._arithmetic(left, sign, right, node)
        if isinstance(left, Listing) and isinstance(right, Listing) and isinstance(sign, ast.Add):
            return Listing([*left.items, *right.items])
        if isinstance(left, Listing) and isinstance(sign, ast.Mult):
            return OPAQUE
        if isinstance(left, Constant) and isinstance(right, Constant):
            follows = isinstance(left, InTraining) or isinstance(right, InTraining)
            return _number(left.value, sign, right.value, InTraining if follows else Constant)
        return OPAQUE

    def _arithmetic(self, left: Value, sign: ast.operator, right: Value, node: ast.AST) -> Value:
        place = self.place(node)
        inputs = [
            self.draft.entering(side, place)
            for side in (left, right)
            if not isinstance(side, Constant)
        ]
        if isinstance(sign, _SUMS):
            part = LayerOperation(Kind.ADD, "add", Sum((1.0,) * len(inputs)))
        elif isinstance(sign, ast.Mult | ast.Div):
            part = LayerOperation(Kind.MULTIPLY, "multiply", Product((1.0,) * len(inputs)))
        elif isinstance(sign, ast.MatMult):
            part = LayerOperation(Kind.MATMUL, "matmul")
        else:
            part = LayerOperation(Kind.UNKNOWN, type(sign).__name__.lower())
        return TensorValue(self.draft.add(part, inputs, place))

    def read_subscript(self, node: ast.Subscript, names: Names) -> Value:
        """A part of a tensor, or an item of a list."""
        owner = self.value(node.value, names)
        if isinstance(owner, Listing) and isinstance(node.slice, ast.Slice):
            return self._sliced(owner, node.slice, names)
        if isinstance(owner, TensorValue):
            return TensorValue(self.draft.reshape(owner.node, self.place(node), "getitem"))
        items = getattr(owner, "items", None)
        index = self.value(node.slice, names)
        if isinstance(items, list) and isinstance(index, Constant) and isinstance(index.value, int):
            inside = -len(items) <= index.value < len(items)
            return items[index.value] if inside else OPAQUE
        return OPAQUE

    def _sliced(self, several: Listing, by: ast.Slice, names: Names) -> Value:
        ends = [each and self.value(each, names) for each in (by.lower, by.upper, by.step)]
        numbers = [getattr(each, "value", None) for each in ends]
        if any(
            end is not None and not isinstance(n, int) for end, n in zip(ends, numbers, strict=True)
        ):
            return OPAQUE
        return Listing(several.items[slice(*numbers)] if numbers[2] != 0 else [])

    # Conditions

    def read_choice(self, node: ast.IfExp, names: Names) -> Value:
        """`a if test else b`."""
        taken, by_mode = self._chosen(node, names)
        self._guards += by_mode
        value = self.value(node.body if taken else node.orelse, names)
        self._guards -= by_mode
        return InTraining(value.value) if by_mode and isinstance(value, Constant) else value

    def _chosen(self, node: ast.If | ast.IfExp, names: Names) -> tuple[bool, bool]:
        """Whether a condition holds, and whether it asks for the mode."""
        self._by_mode, self._matters = False, self._notes.matters[node]
        holds = self.holds(node.test, names)
        by_mode, self._by_mode, self._matters = self._by_mode, False, False
        return holds, by_mode

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
            value = self.value(test, names) if not isinstance(test, ast.Call) else OPAQUE
            self._by_mode |= isinstance(value, InTraining)
            known = _truth(value)
        if known is None:
            self._by_mode |= self._notes.condition[test].by_mode
            return self._world.decide(self._key(test, names))
        return self._unless_told(test, names, known=known)

    def _unless_told(self, test: ast.expr, names: Names, *, known: bool) -> bool:
        """A condition on what a parameter is worth by default: whoever calls may say otherwise."""
        first = test.left if isinstance(test, ast.Compare) else test
        if not isinstance(first, ast.Name | ast.Attribute):
            return known
        value = self.value(first, names)
        if not isinstance(value, Default):
            return known
        key = value.name, "" if first is test else ast.unparse(test).partition(" ")[2]
        if self._matters or key in self._world.taken:
            return self._world.decide(key, usual=known)
        return known

    def _compared(self, test: ast.Compare, names: Names) -> bool | None:
        """A comparison with one sign, if both sides are known."""
        left, right = self.value(test.left, names), self.value(test.comparators[0], names)
        sign = type(test.ops[0])
        self._by_mode |= isinstance(left, InTraining) or isinstance(right, InTraining)
        if isinstance(left, Symbol) and counts_classes(left.name):
            left = _MANY
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

    def read_comparison(self, node: ast.Compare, names: Names) -> Value:
        """A comparison as a value."""
        known = self._compared(node, names)
        return OPAQUE if known is None else Constant(known)

    def _key(self, test: ast.expr, names: Names) -> Hashable:
        """What makes two open conditions the same one."""
        condition = self._notes.condition[test]
        known = [names.get(each) for each in condition.names]
        unknown = tuple(each.name if isinstance(each, Symbol) else "" for each in known)
        constants = tuple(str(each.value) for each in known if isinstance(each, Constant))
        if isinstance(test, ast.Name | ast.Attribute):
            value = self.value(test, names)
            if isinstance(value, Symbol):
                return value.name
        return condition.text, unknown, constants

    # Calls

    def read_call(self, node: ast.Call, names: Names) -> Value:
        """A call."""
        place = self.place(node)
        given = self._given(node, names)
        if isinstance(node.func, ast.Attribute):
            if _calls(node.func.value, "super"):
                return self._call_super(node.func.attr, given)
            return self._call_attribute(node.func, given, names, place)
        called = self.value(node.func, names)
        if isinstance(called, Opaque) and isinstance(node.func, ast.Name):
            listed = _looped(node.func.id, given)
            if listed is not None:
                return listed
        return self.call(called, given, place)

    def _call_attribute(
        self, function: ast.Attribute, given: Arguments, names: Names, place: Location
    ) -> Value:
        """A method, or a layer that is an attribute."""
        # Once: what its calls draw is drawn once, and a chain of calls takes no longer than its
        # length.
        owner = self.value(function.value, names)
        handed = _handed_over(function) if isinstance(owner, Opaque | Symbol) else None
        if handed is not None:
            return self.call(handed, given, place)
        if not isinstance(owner, _ATTRIBUTED):
            return self.method_of(owner, function.attr, given, place)
        if isinstance(owner, Instance) and function.attr == "add_module":
            return self._add_module(owner, given)
        return self.call(self._attribute(owner, function.attr), given, place)

    def _call_super(self, name: str, given: Arguments) -> Value:
        """A method that the class around it overrides."""
        function, owner = self._inside[-1] if self._inside else (None, None)
        base = overridden(owner.made_of, function) if owner and function else None
        if owner is None or base is None:
            return OPAQUE
        if isinstance(base, Class):
            inherited = method(base, name)
            return self.enter(inherited, given, owner) if inherited else OPAQUE
        if base == "torch.nn.Sequential" and name == "__init__":
            for index, item in enumerate(self._libraries.listed(given)):
                self._register(owner, str(index), item)
        return OPAQUE

    def _register(self, owner: Instance, name: str, module: Value) -> None:
        owner.attributes[name] = module
        name_after(module, f"{owner.path}.{name}".lstrip("."))

    def _add_module(self, owner: Instance, given: Arguments) -> Value:
        name, module = given.get("name", 0), given.get("module", 1)
        if isinstance(name, Constant) and module is not None:
            self._register(owner, str(name.value), module)
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

    def call(self, called: Value, given: Arguments, place: Location) -> Value:  # noqa: PLR0911 - one for every kind of value
        """What a call yields."""
        self._at = place
        match called:
            case Imported(name):
                if name in _CHECKPOINTS:
                    return self._checkpointed(_CHECKPOINTS[name], given, place)
                made = self._libraries.call(name, given, place, guarded=self._guards > 0)
                # Nothing ever tells a layer that is made in forward which mode the model is in.
                if isinstance(made, LayerValue) and made.makes_noise and self._runs_forward():
                    return made.awake()
                return made
            case LayerValue() | SequentialValue():
                return self.apply(called, given, place)
            case Instance():
                return self.forward(called, given, place)
            case FunctionValue():
                return self.enter(called, given)
            case Method(owner, function):
                return self.enter(function, given, owner)
            case Class():
                return self.make(called, given, place)
            case _:
                return self.draft.opaque(given.values(), place)

    def _runs_forward(self) -> bool:
        """Whether a module of torch is being called."""
        return not self._guards and any(
            owner is not None and node.name == "forward" and module_kind(owner.made_of) == "torch"
            for node, owner in self._inside
        )

    def apply(
        self, layer: LayerValue | SequentialValue, given: Arguments, place: Location
    ) -> Value:
        """Call a layer or a chain on its first argument."""
        first = (
            given.positional[0] if given.positional else next(iter(given.named.values()), OPAQUE)
        )
        if isinstance(layer, LayerValue):
            said = given.named.get("training")
            if said == Constant(value=True) and not self._guards:
                layer = layer.awake()
            return self._libraries.layer(layer, first, place)
        layer.used = True
        flow: Value = TensorValue(self.draft.entering(first, place))
        for item in layer.items:
            inside = (
                item.place if isinstance(item, LayerValue | SequentialValue | Instance) else place
            )
            flow = self.call(item, Arguments([flow]), inside)
        return flow

    def _checkpointed(self, dropped: int, given: Arguments, place: Location) -> Value:
        """A call that runs its first argument, and runs it again in the backward pass."""
        if not given.positional:
            return self.draft.opaque(given.values(), place)
        before = len(self.draft.drawn)
        called, rest = given.positional[0], given.positional[1 + dropped :]
        result = self.call(called, Arguments(rest, whole=given.whole), place)
        self.draft.checkpointed.update(range(before, len(self.draft.drawn)))
        return result

    def method_of(self, value: Value, name: str, given: Arguments, place: Location) -> Value:
        """Call a method of something that is no module of the file's own."""
        if isinstance(value, TensorValue):
            return self._libraries.method(value, name, given, place)
        if isinstance(value, SequentialValue | Listing):
            return self._grow(value, name, given)
        return self.draft.opaque([value, *given.values()], place, name)

    def _grow(self, value: SequentialValue | Listing, name: str, given: Arguments) -> Value:
        """Methods of lists and chains that put something in; any other may change anything."""
        if name in {"append", "add", "add_module"} and given.positional:
            item = given.positional[-1]
            if isinstance(item, SequentialValue | Instance) and isinstance(value, SequentialValue):
                item.used = True
            value.items.append(item)
        elif name == "extend" and given.positional and isinstance(given.positional[0], Listing):
            value.items.extend(given.positional[0].items)
        elif name in {"extend", "insert", "pop", "remove", "clear", "reverse"}:
            value.items[:] = [OPAQUE]
        else:
            return OPAQUE
        return value

    # Functions and classes of the file

    def make(self, made_of: Class, given: Arguments, place: Location) -> Value:
        """An instance of one of the file's own module classes."""
        if module_kind(made_of) is None:
            return self.draft.opaque(given.values(), place)
        instance = Instance(made_of, place)
        self.instances.append(instance)
        self.construct(instance, given)
        return instance

    def construct(self, instance: Instance, given: Arguments) -> None:
        """Run the constructor of a module."""
        for name in ("__init__", "build"):
            start = method(instance.made_of, name)
            if start is not None:
                self.enter(start, given if name == "__init__" else Arguments(whole=False), instance)

    def forward(self, instance: Instance, given: Arguments, place: Location) -> Value:
        """Call a module of the file's own."""
        instance.used = True
        for name in FORWARDS:
            forward = method(instance.made_of, name)
            if forward is not None:
                return self.enter(forward, given, instance)
        if is_sequential(instance.made_of):
            # Whatever else it keeps, numbers and names are no modules.
            kept = instance.attributes.values()
            items: list[Value] = [each for each in kept if not isinstance(each, Constant)]
            chain = SequentialValue(items, instance.place)
            return self.apply(chain, given, place)
        return self.draft.opaque(given.values(), place)

    def enter(
        self, function: FunctionValue, given: Arguments, owner: Instance | None = None
    ) -> Value:
        """Run a function of the file's own."""
        if len(self._inside) >= DEEPEST or self._signature(function).generates:
            return self.draft.opaque(given.values(), self.place(function.node))
        if function.file != self._home.file and self.steps_elsewhere > _MOST_STEPS_ELSEWHERE:
            return self.draft.opaque(given.values(), self.place(function.node))
        around, left, guards = self._notes, self._left, self._guards
        if function.file == self._home.file:
            self._notes, self._left = self._home, None
        elif function.file != around.file:
            self._notes, self._left = self._project.notes[function.file], left or self._at
        try:
            return self._entered(function, given, owner)
        finally:
            self._notes, self._left, self._guards = around, left, guards

    def _entered(self, function: FunctionValue, given: Arguments, owner: Instance | None) -> Value:
        names = self.bound(function, given, owner)
        if names is None:
            return self.draft.opaque(given.values(), self.place(function.node))
        self._inside.append((function.node, owner))
        try:
            return self.body(function.node.body, names)
        finally:
            self._inside.pop()

    def _signature(self, function: FunctionValue) -> Signature:
        notes = (
            self._home if function.file == self._home.file else self._project.notes[function.file]
        )
        return notes.signature[function.node]

    def bound(
        self, function: FunctionValue, given: Arguments, owner: Instance | None
    ) -> Names | None:
        """The names a call binds; None where it does not fit the function."""
        taken = function.node.args
        signature = self._signature(function)
        names: Names = dict(function.names)
        positional = ([owner] if owner is not None else []) + list(given.positional)
        count = len(signature.positional)
        if len(positional) > count and taken.vararg is None:
            return None
        names.update(zip(signature.positional, positional, strict=False))
        for name in signature.parameters[min(len(positional), count) :]:
            if name in given.named:
                names[name] = given.named[name]
            elif name == "training":
                names[name] = TRAINING
            # How many classes there are is for the caller to say.
            elif not given.whole or name not in signature.defaults or counts_classes(name):
                names[name] = Symbol(name)
            else:
                value = self.value(signature.defaults[name], names)
                # What nobody calls may be called in any way.
                if not self._inside and isinstance(value, Constant):
                    value = Default(value.value, name)
                names[name] = value
        if taken.vararg:
            names[taken.vararg.arg] = Listing([*positional[count:]])
        if taken.kwarg:
            names[taken.kwarg.arg] = OPAQUE
        return names

    def lower(self, value: SequentialValue | Instance) -> None:
        """Draw a model that nothing in the source calls."""
        given = Arguments([OPAQUE])
        result = self.call(value, given, value.place)
        if isinstance(result, TensorValue):
            self.draft.outputs.append(result.node)


def _raises(statements: Sequence[ast.stmt]) -> bool:
    return bool(statements) and isinstance(statements[-1], ast.Raise)


@lru_cache(maxsize=4096)
def _imported(owner: str, attribute: str) -> Imported:
    return Imported(canonical(f"{owner}.{attribute}"))


def _number(
    left: object, sign: ast.operator, right: object, kind: type[Constant] = Constant
) -> Value:
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        return OPAQUE
    function = _ARITHMETIC.get(type(sign))
    try:
        return kind(function(left, right)) if function else OPAQUE
    except ArithmeticError:
        return OPAQUE


def _handed_over(node: ast.Attribute) -> Imported | None:
    """`layers.Conv2D` where `layers` is an argument: nothing but Keras has such names."""
    owner = node.value
    module = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    if module == "layers" and node.attr in KERAS_NAMES:
        return Imported(f"keras.layers.{node.attr}")
    if module in {"keras", "models"} and node.attr in {"Model", "Sequential", "Input"}:
        return Imported(f"keras.{node.attr}")
    return None


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


def _truth(value: Value) -> bool | None:
    if isinstance(value, Constant):
        return bool(value.value)
    if isinstance(value, Opaque | Symbol | TensorValue):
        return None
    return bool(value.items) if isinstance(value, Listing) else True


_STEPS: dict[type[ast.stmt], Callable[..., None]] = {
    ast.Assign: Interpreter.step_assign,
    ast.AnnAssign: Interpreter.step_annotated,
    ast.AugAssign: Interpreter.step_augmented,
    ast.Expr: Interpreter.step_expression,
    ast.If: Interpreter.step_if,
    ast.For: Interpreter.step_for,
    ast.While: Interpreter.step_while,
    ast.With: Interpreter.step_with,
    ast.Try: Interpreter.step_try,
    ast.Break: Interpreter.step_leave,
    ast.Continue: Interpreter.step_leave,
    ast.Return: Interpreter.step_return,
    ast.FunctionDef: Interpreter.step_function,
    ast.ClassDef: Interpreter.step_class,
}

_READERS: dict[type[ast.expr], Callable[..., Value]] = {
    ast.Attribute: Interpreter.read_attribute,
    ast.Call: Interpreter.read_call,
    ast.List: Interpreter.read_list,
    ast.Tuple: Interpreter.read_list,
    ast.ListComp: Interpreter.read_comprehension,
    ast.GeneratorExp: Interpreter.read_comprehension,
    ast.BinOp: Interpreter.read_operation,
    ast.UnaryOp: Interpreter.read_sign,
    ast.Subscript: Interpreter.read_subscript,
    ast.IfExp: Interpreter.read_choice,
    ast.Compare: Interpreter.read_comparison,
}
