"""What decides, around a call in the source, whether it is made: modes, arguments and switches."""

import ast
import re
from collections.abc import Iterator

from normdrop.lint.source import Source, SourceCall

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
# What a flag or an argument is called that somebody sets for training, or for sampling.
_MODE = re.compile(
    r"(?i)(?<!cons)(?<!pre)train(?!ed)|(?<![a-z])eval|infer|predict|determin|stochastic|sampl|monte"
    r"|bayes|(?:^|_)mc(?:_|$|drop)"
    r"|mode$|is_test|(?:use|apply|with|do|enable|disable|activate)_?\w*drop|drop\w*_?(?:on|active)$"
)
# Classes and functions that draw in every mode because somebody wants them to.
_WANTED = re.compile(
    r"(?i)monte|bayes|uncertain|always|(?:^|_)mc(?:_|$|d)|augment|corrupt|^test|(?-i:MC)"
)
# A comment that says that it is meant.
_MEANT = re.compile(
    rb"#.*(?i:always|inference|(?<![a-z])eval(?!\w*\()|test.?time|monte|stochastic|sampl"
    rb"|on purpose)"
)
_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def functions_around(source: Source, node: ast.AST) -> list[_Function]:
    """The functions that a node stands in, the innermost first."""
    return [each for each in source.above(node) if isinstance(each, _Function)]


def is_wanted(source: Source, node: ast.AST) -> bool:
    """Whether noise in every mode is meant.

    A class or function around a node is named after it, or a comment beside or above it says so.
    """
    first, last = getattr(node, "lineno", 1), getattr(node, "end_lineno", None)
    if any(_MEANT.search(line) for line in source.lines[max(first - 2, 0) : last]):
        return True
    named = (
        each.name
        for each in source.above(node)
        if isinstance(each, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return any(_WANTED.search(name) for name in named)


def is_guarded(source: Source, node: ast.AST, strength: ast.expr | None = None) -> bool:
    """Whether a mode, an argument or a switch decides that a node is reached.

    Args:
        source: The file.
        node: A node of it.
        strength: How strong a noise is; that it is tested, to be spared where it is 0, is no guard.
    """
    spared = {ast.unparse(each) for each in ast.walk(strength)} if strength is not None else set()
    return any(decides(source, test, spared) for test in _tests(source, node))


def _tests(source: Source, node: ast.AST) -> Iterator[ast.expr]:
    """The conditions under which a node is reached, up to the outermost function around it."""
    inner = node
    for outer in source.above(node):
        if isinstance(outer, ast.If | ast.While | ast.IfExp) and inner is not outer.test:
            yield outer.test
        elif isinstance(outer, ast.BoolOp):
            yield from outer.values[: _position(outer.values, inner)]
        elif isinstance(outer, ast.comprehension):
            yield from outer.ifs
        elif isinstance(outer, ast.ClassDef):
            return
        for before in _before(outer, inner):
            if isinstance(before, ast.Assert) or (
                isinstance(before, ast.If) and isinstance(before.body[-1], _ENDS)
            ):
                yield before.test
        inner = outer


def _position(values: list[ast.expr], node: ast.AST) -> int:
    return next((at for at, value in enumerate(values) if value is node), 0)


def _before(outer: ast.AST, inner: ast.AST) -> list[ast.stmt]:
    """The statements of a block that are carried out before one of them."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(outer, name, None)
        if isinstance(block, list) and inner in block:
            return block[: block.index(inner)]
    return []


def decides(source: Source, test: ast.expr, spared: set[str] = frozenset()) -> bool:  # type: ignore[assignment] # an empty set is never changed
    """Whether a condition asks for a mode, an argument or a switch.

    What is `spared`, written as it is there, is the strength of the noise and no switch.
    """
    if isinstance(test, ast.BoolOp | ast.UnaryOp):
        parts = test.values if isinstance(test, ast.BoolOp) else [test.operand]
        return any(decides(source, each, spared) for each in parts)
    if asks_for_mode(test, spared):
        return True
    if isinstance(test, ast.Compare):
        # That something is given, or how many there are, is no switch.
        if not all(
            isinstance(each, ast.Constant) and isinstance(each.value, str | bool)
            for each in test.comparators
        ):
            return False
        test = test.left
    if isinstance(test, ast.Name):
        return test.id not in spared and _is_chosen(source, test, spared)
    if isinstance(test, ast.Attribute):
        return ast.unparse(test) not in spared and _is_switched(source, test.attr)
    return False


def asks_for_mode(node: ast.AST, spared: set[str] = frozenset()) -> bool:  # type: ignore[assignment] # as above
    """Whether a name that speaks of a mode stands in an expression."""
    for each in ast.walk(node):
        name = each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", None)
        if name and _MODE.search(name) and ast.unparse(each) not in spared:
            return True
    return False


def _is_chosen(source: Source, name: ast.Name, spared: set[str]) -> bool:
    """Whether a name is an argument of a function around it, or made of a mode."""
    for function in functions_around(source, name):
        given = function.args
        every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
        if any(each.arg == name.id for each in every):
            return True
        if any(decides(source, each, spared | {name.id}) for each in assigned(function, name.id)):
            return True
    return False


def assigned(function: ast.AST, name: str) -> list[ast.expr]:
    """What a name is made of in a function."""
    return [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr)
        and node.value is not None
        and name
        in {
            each.id
            for target in getattr(node, "targets", None) or [node.target]  # type: ignore[union-attr] # one or the other
            for each in ast.walk(target)
            if isinstance(each, ast.Name)
        }
    ]


def _is_switched(source: Source, attribute: str) -> bool:
    """Whether another method than a constructor sets an attribute."""
    for function, _ in source.functions:
        if function.name == "__init__":
            continue
        for node in ast.walk(function):
            if (
                isinstance(node, ast.Attribute)
                and node.attr == attribute
                and isinstance(node.ctx, ast.Store)
            ):
                return True
    return False


def depends_on_mode(source: Source, strength: ast.expr) -> bool:
    """Whether how strong a noise is follows the mode, or whoever calls the function around it."""
    if asks_for_mode(strength):
        return True
    for name in [each for each in ast.walk(strength) if isinstance(each, ast.Name)]:
        for function in functions_around(source, name):
            made = assigned(function, name.id)
            if any(asks_for_mode(each) or is_guarded(source, each) for each in made):
                return True
    return False


def parameter_named(function: _Function, name: str) -> ast.arg | None:
    """The parameter of a name."""
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return next((each for each in every if each.arg == name), None)


def argument_of(call: ast.Call, function: _Function, name: str, *, bound: bool) -> ast.expr | None:
    """What a call hands a function for one of its parameters; its default where it is left out."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    given = function.args
    positional = [each.arg for each in (*given.posonlyargs, *given.args)]
    if name in positional:
        at = positional.index(name) - bound
        if at < len(call.args):
            return call.args[at]
        defaults = dict(zip(reversed(positional), reversed(given.defaults), strict=False))
        return defaults.get(name)
    named = dict(zip((each.arg for each in given.kwonlyargs), given.kw_defaults, strict=True))
    return named.get(name)


def callers(source: Source, function: ast.AST) -> list[SourceCall]:
    """The calls of a function or method of the file, by its bare name or as one of `self`."""
    name = getattr(function, "name", "")
    found = []
    for call in source.calls:
        called = call.node.func
        if isinstance(called, ast.Attribute):
            own = isinstance(called.value, ast.Name) and called.value.id in {"self", "cls"}
            if own and called.attr == name:
                found.append(call)
        elif isinstance(called, ast.Name) and called.id == name:
            found.append(call)
    return found


def is_reached_always(
    source: Source, call: SourceCall, strength: ast.expr | None, deepest: int = 3
) -> bool:
    """Whether a call that makes noise is reached in evaluation mode too.

    A method is taken to be called. A function must be called by a method of the file, and nothing
    may decide there whether it is, or how strong its noise is.

    Args:
        source: The file.
        call: The call.
        strength: How strong its noise is; None for what it is by default.
        deepest: How many functions may call each other.
    """
    if is_guarded(source, call.node, strength) or (
        isinstance(strength, ast.Constant) and not strength.value
    ):
        return False
    if strength is not None and depends_on_mode(source, strength):
        return False
    around = functions_around(source, call.node)
    if not around or not deepest or any(_is_for_training(each) for each in around):
        return False
    function, bound = around[-1], call.owner is not None
    given = parameter_named(function, strength.id) if isinstance(strength, ast.Name) else None
    if bound and given is None:
        return True
    for each in callers(source, function):
        handed = argument_of(each.node, function, given.arg, bound=bound) if given else strength
        known = given is None or handed is not None
        if function not in functions_around(source, each.node) and known:
            # What the strength is called inside says nothing about the caller.
            asked = handed if given is not None else None
            if is_reached_always(source, each, asked, deepest - 1):
                return True
    return False


def _is_for_training(function: _Function) -> bool:
    return "train" in getattr(function, "name", "")
