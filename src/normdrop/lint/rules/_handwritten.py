"""Noise that users write themselves, known by what it does to the input of a layer."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from normdrop.lint.rules._guards import (
    asks_for_mode,
    callers,
    is_guarded,
    is_wanted,
    parameter_named,
)
from normdrop.lint.source import Source
from normdrop.values.operations import ACTIVATIONS, DRAWS

# What is known of a value: that it comes from the input, how it was drawn, what was made of both.
_INPUT, _MASK, _UNIFORM, _GAUSSIAN = "input", "mask", "uniform", "gaussian"
_ONE, _SCALED, _MIXED = "one", "scaled", "mixed"
_DROPPED, _DISTURBED = "dropped", "disturbed"
_DRAWN = frozenset({_MASK, _UNIFORM, _GAUSSIAN})
_Tags = frozenset[str]
_NONE: _Tags = frozenset()

# A randomised activation draws by a mode of its own.
_TORCH = {each.name.rstrip("_") for each in DRAWS if each.operation not in ACTIVATIONS}
_LAWS: Mapping[str, str] = {
    **dict.fromkeys(("rand", "rand_like", "uniform", "random_uniform"), _UNIFORM),
    **dict.fromkeys(("randn", "randn_like", "normal", "random_normal"), _GAUSSIAN),
    **dict.fromkeys(("bernoulli", "binomial", "random_binomial", "random_bernoulli"), _MASK),
}
_CUTS = frozenset({"floor", "ceil", "round", "ge", "gt", "le", "lt", "greater", "less", "sign"})
_CUTS |= {"greater_equal", "less_equal"}
_SHAPES = frozenset({"size", "dim", "shape", "numel", "new_ones", "new_zeros", "new_empty", "new"})
_SHAPES |= {"ones_like", "zeros_like", "empty_like", "full_like", "get_shape", "int_shape", "item"}
_PRODUCTS = frozenset({"mul", "multiply", "mul_"})
_QUOTIENTS = frozenset({"div", "divide", "true_divide", "reciprocal", "realdiv"})
_FILLS = frozenset({"masked_fill", "where"})
# Classes that disturb their input for other ends than those of dropout.
_OTHER = re.compile(
    r"(?i)augment|mask|eras|crop|flip|jitter|transform|sampl|gumbel|quanti|attack|adversar|mix|diffus"
    r"|simulat|variational|corrupt|rotat|channelshuffle|generator|discriminator|position"
)
_BASES = re.compile(r"torch\.nn\.(?:Module|\w*Dropout\w*)|keras\.(?:layers\.)?Layer|keras\.Model")
_WORTH = re.compile(
    rb"\b(?:bernoulli_?|binomial|rand|rand_like|uniform_?|randn|randn_like|normal_?"
    rb"|random_uniform|random_binomial|random_bernoulli)\s*\("
)


@dataclass(frozen=True, slots=True)
class HandwrittenNoise:
    """A layer, or a function that layers call, that draws and returns its input disturbed.

    Attributes:
        name: What the class or the function is called.
        place: Its `forward` or `call`; of a function the draw itself.
        draw: The call that draws.
        drops: Whether it multiplies by zeros and ones.
        scaled: Whether what is kept seems to be rescaled, in training or in evaluation.
        always: Whether nothing asks for a mode before it draws.
    """

    name: str
    place: ast.AST
    draw: ast.Call
    drops: bool
    scaled: bool
    always: bool


def noise_modules(source: Source) -> Iterator[tuple[ast.ClassDef, ast.FunctionDef]]:
    """Modules of torch and layers of Keras, and what they do when they are called."""
    for owner in source.classes:
        if _is_layer(source, owner):
            for node in owner.body:
                if isinstance(node, ast.FunctionDef) and node.name in {"forward", "call"}:
                    yield owner, node


# Three rules ask of one file after another.
@lru_cache(maxsize=1)
def may_define_noise(text: bytes) -> bool:
    """Whether a file draws random numbers."""
    return _WORTH.search(text) is not None


def handwritten(source: Source) -> Iterator[HandwrittenNoise]:
    """The noise layers of a file, and the functions of noise that its layers call.

    None in a file of augmentations, which are applied to data and not to a model.
    """
    if re.search(r"augment|transforms?\b", "/".join(source.path.lower().split("/")[-2:])):
        return
    for owner, forward in noise_modules(source):
        if not _OTHER.search(owner.name) and not is_wanted(source, forward):
            found = _InputFlow(source, owner).run(forward)
            if found is not None:
                # A layer may do without noise in a method of another class around it.
                always = not _asks(forward) and not is_guarded(source, found.draw)
                yield HandwrittenNoise(
                    owner.name, forward, found.draw, found.drops, found.scaled, always
                )
    # Only where something is drawn: few functions of a long file do, and asking more takes a walk.
    drawn = [call.node.lineno for call in source.calls if _law(call.node)]
    for function, owner_of in source.functions if drawn else ():
        if owner_of is None and isinstance(function, ast.FunctionDef):
            lines = range(function.lineno, (function.end_lineno or function.lineno) + 1)
            if any(line in lines for line in drawn):
                yield from _in_function(source, function)


def _in_function(source: Source, function: ast.FunctionDef) -> Iterator[HandwrittenNoise]:
    if _OTHER.search(function.name) or is_wanted(source, function):
        return
    if not any(isinstance(each, ast.ClassDef) for each in source.tree.body):
        return
    layers = {id(forward) for _, forward in noise_modules(source)}
    calls = [each for each in callers(source, function) if id(each.function) in layers]
    found = _InputFlow(source, None).run(function) if calls else None
    if found is None:
        return
    free = [
        call
        for call in calls
        if not is_guarded(source, call.node)
        and not any(asks_for_mode(each) for each in (*call.node.args, *call.node.keywords))
    ]
    always = bool(free) and not _asks(function) and not is_guarded(source, found.draw)
    yield HandwrittenNoise(function.name, found.draw, found.draw, found.drops, found.scaled, always)


def _is_layer(source: Source, owner: ast.ClassDef, deepest: int = 3) -> bool:
    """Whether it derives from a library's layer, and from nothing that is not known here."""
    for base in owner.bases:
        name = source.name(base)
        if name and _BASES.fullmatch(name):
            return True
        inside = [each for each in source.classes if each.name == getattr(base, "id", None)]
        if inside and deepest and _is_layer(source, inside[0], deepest - 1):
            return True
    return False


def _asks(function: ast.FunctionDef) -> bool:
    """Whether a function speaks of a mode, but in what it hands on to another."""
    handed = {
        id(inner)
        for call in ast.walk(function)
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg == "training"
        for inner in ast.walk(keyword.value)
    }
    return parameter_named(function, "training") is not None or any(
        isinstance(each, ast.Name | ast.Attribute)
        and id(each) not in handed
        and asks_for_mode(each)
        for each in ast.walk(function)
    )


def _law(call: ast.Call) -> str:
    """How a call draws; empty if it does not."""
    name = getattr(call.func, "attr", getattr(call.func, "id", "")).rstrip("_")
    if name not in _LAWS:
        return ""
    root = ast.unparse(call.func).lower()
    known = name in _TORCH or "random" in root or root.startswith(("tf.", "k."))
    initial = "init" in root or "distribution" in root
    return _LAWS[name] if known and not initial else ""


@dataclass(frozen=True, slots=True)
class _DrawnNoise:
    draw: ast.Call
    drops: bool
    scaled: bool


class _InputFlow:
    """What becomes of the input of a function and of what it draws, statement by statement."""

    def __init__(self, source: Source, owner: ast.ClassDef | None) -> None:
        self._source = source
        self._owner = owner
        self._names: dict[str, _Tags] = {}
        self._draws: list[ast.Call] = []
        self._scales = False
        self._deepest = 2

    def run(self, function: ast.FunctionDef) -> _DrawnNoise | None:
        """What a function returns, if it is its input with drawn units dropped or disturbed."""
        given = [*function.args.posonlyargs, *function.args.args][self._owner is not None :]
        self._names = {each.arg: frozenset({_INPUT}) for each in given[:1]}
        returned = self._block(function.body)
        if not self._draws or _MIXED in returned or not returned & {_DROPPED, _DISTURBED}:
            return None
        scaled = _SCALED in returned or self._scales
        return _DrawnNoise(self._draws[0], _DROPPED in returned, scaled)

    def _block(self, body: list[ast.stmt]) -> _Tags:
        """What the statements return."""
        returned = _NONE
        for node in body:
            if isinstance(node, ast.Return) and node.value is not None:
                tags = self._value(node.value)
                drawn = tags & {_DROPPED, _DISTURBED}
                # In evaluation the input may be multiplied by the rate of what is kept.
                self._scales |= _SCALED in tags and not drawn
                returned |= tags if drawn else _NONE
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                self._assign(node)
            elif isinstance(node, ast.AugAssign):
                made = self._operation(node.op, node.target, node.value)
                self._bind(node.target, made)
            elif isinstance(node, ast.Expr):
                self._in_place(node.value)
            else:
                for name in ("body", "orelse", "finalbody"):
                    returned |= self._block(getattr(node, name, None) or [])
        return returned

    def _assign(self, node: ast.Assign | ast.AnnAssign) -> None:
        assert node.value is not None  # noqa: S101 - a bare annotation is no assignment
        made = self._value(node.value)
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Subscript):
                chosen = self._value(target.slice)
                zero = isinstance(node.value, ast.Constant) and node.value.value == 0
                if chosen & _DRAWN and zero:
                    self._bind(target.value, self._value(target.value) | {_DROPPED})
            else:
                self._bind(target, made)

    def _bind(self, target: ast.expr, tags: _Tags) -> None:
        if isinstance(target, ast.Name):
            # A name that another branch has given keeps what it was worth there.
            self._names[target.id] = tags
        elif isinstance(target, ast.Tuple):
            for each in target.elts:
                self._bind(each, tags)

    def _in_place(self, node: ast.expr) -> None:
        """A method whose name ends with an underscore changes its own tensor."""
        tags = self._value(node)
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr.endswith("_")
            and isinstance(node.func.value, ast.Name)
        ):
            self._names[node.func.value.id] = tags

    def _value(self, node: ast.expr) -> _Tags:  # noqa: PLR0911 - one way for each kind of expression
        if isinstance(node, ast.Name):
            return self._names.get(node.id, _NONE)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.BinOp):
            return self._operation(node.op, node.left, node.right)
        if isinstance(node, ast.Compare):
            return self._cut(self._every([node.left, *node.comparators]))
        if isinstance(node, ast.Attribute):
            return _NONE if node.attr in _SHAPES else self._value(node.value)
        if isinstance(node, ast.IfExp):
            return self._value(node.body) | self._value(node.orelse)
        if isinstance(node, ast.Subscript):
            return self._value(node.value)
        if isinstance(node, ast.UnaryOp):
            return self._value(node.operand)
        if isinstance(node, ast.Tuple | ast.List):
            return self._every(node.elts)
        return _NONE

    def _every(self, nodes: list[ast.expr]) -> _Tags:
        return _NONE.union(*(self._value(each) for each in nodes))

    @staticmethod
    def _cut(tags: _Tags) -> _Tags:
        """Drawn numbers that are compared, or rounded, are zeros and ones."""
        return frozenset({_MASK}) if tags & _DRAWN and _INPUT not in tags else _NONE

    def _call(self, node: ast.Call) -> _Tags:  # noqa: PLR0911 - one way for each kind of function
        law = _law(node)
        if law:
            self._draws.append(node)
            return frozenset({law})
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in _SHAPES:
            return _NONE
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
        own = self._value(receiver) if receiver is not None else _NONE
        terms = [*([receiver] if receiver is not None and own else []), *given]
        if name.rstrip("_") in _CUTS and (cut := self._cut(self._every(terms))):
            return cut
        if name in _PRODUCTS and len(terms) > 1:
            return self._operation(ast.Mult(), terms[0], terms[1])
        if name.rstrip("_") in _QUOTIENTS and terms:
            return self._every(terms) | {_SCALED}
        if name.rstrip("_") in _FILLS:
            return self._filled(terms)
        inside = self._inside(node, given)
        if inside is not None:
            return inside
        # `mask.to(x)` and `mask.expand_as(x)` are what they were.
        return own or self._every(given)

    def _filled(self, terms: list[ast.expr]) -> _Tags:
        every = self._every(terms)
        zeros = any(
            (isinstance(each, ast.Constant) and each.value == 0) or "zeros" in ast.unparse(each)
            for each in terms
        )
        return every | {_DROPPED} if every >= {_INPUT, _MASK} and zeros else every - {_MASK}

    def _inside(self, node: ast.Call, given: list[ast.expr]) -> _Tags | None:
        """What a function or method of the file returns."""
        called = node.func
        own = isinstance(called, ast.Attribute) and ast.unparse(called.value) == "self"
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        home = self._owner.body if own and self._owner else [] if own else self._source.tree.body
        if not self._deepest or (isinstance(called, ast.Attribute) and not own):
            return None
        for function in home:
            if isinstance(function, ast.FunctionDef) and function.name == name:
                outer = self._names
                parameters = [*function.args.posonlyargs, *function.args.args][own:]
                values = [self._value(each) for each in given]
                self._names = {
                    each.arg: tags for each, tags in zip(parameters, values, strict=False)
                }
                self._deepest -= 1
                returned = self._block_all(function.body)
                self._deepest += 1
                self._names = outer
                return returned
        return None

    def _block_all(self, body: list[ast.stmt]) -> _Tags:
        """What the statements return, drawn or not."""
        self._block(body)
        returns = [each for node in body for each in ast.walk(node) if isinstance(each, ast.Return)]
        return self._every([each.value for each in returns if each.value is not None])

    def _operation(  # noqa: C901, PLR0911 - one way for each operator
        self, op: ast.operator, left: ast.expr, right: ast.expr
    ) -> _Tags:
        one, other = self._value(left), self._value(right)
        both = one | other
        if isinstance(op, ast.Div | ast.FloorDiv | ast.Pow):
            return both | ({_SCALED} if both else _NONE)
        if isinstance(op, ast.Sub) and other & {_MASK} and _INPUT not in both:
            return both | {_MIXED} if self._is_one(left) else both
        if isinstance(op, ast.Mult):
            if not one or not other:
                # A factor that is neither drawn nor the input may be the scale.
                return both | ({_SCALED} if both else _NONE)
            for drawn, taken in ((one, other), (other, one)):
                if drawn & _DRAWN and _INPUT not in drawn and _INPUT in taken:
                    if _MASK in drawn:
                        both |= {_DROPPED}
                    elif _ONE in drawn:
                        both |= {_DISTURBED}
            return both
        if isinstance(op, ast.Add):
            if (self._is_one(left) or self._is_one(right)) and both & _DRAWN:
                return both | {_ONE}
            # `x + x * noise`
            for plain, product in ((left, right), (right, left)):
                if self._is_multiple(product, plain) and self._value(product) & _DRAWN:
                    return both | {_DISTURBED}
        return both

    @staticmethod
    def _is_one(node: ast.expr) -> bool:
        return isinstance(node, ast.Constant) and node.value == 1

    @staticmethod
    def _is_multiple(product: ast.expr, factor: ast.expr) -> bool:
        """Whether one is the other times something."""
        if not isinstance(product, ast.BinOp) or not isinstance(product.op, ast.Mult):
            return False
        return ast.unparse(factor) in {ast.unparse(product.left), ast.unparse(product.right)}


def random_calls(function: ast.FunctionDef) -> set[str]:
    """How a function draws random numbers, by names without a trailing underscore."""
    called = {
        node.func.attr
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    return {name.rstrip("_") for name in called} & _TORCH
