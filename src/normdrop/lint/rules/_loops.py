"""What functions do with the modes of the torch models that they train, step by step."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from normdrop.lint.source import Memo, Source

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_OFF = frozenset({"torch.no_grad", "torch.inference_mode", "torch.autograd.no_grad"})
_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_HELD_OUT = re.compile(
    r"(?i)(?:^|[^a-z])(?:val|valid\w*|test(?:s|ing|set)?|dev|eval\w*|hold_?out|held\w*)(?![a-z])"
)
_NORM = re.compile(r"BatchNorm|batch_?norm|\bBN\b|_BN\b|\bbn\b", re.IGNORECASE)
# A method of these is what a module has, and a loss function has none that is called.
_OF_MODULES = frozenset({"train", "eval", "parameters", "named_parameters", "zero_grad"})
_OF_MODULES |= {"state_dict", "load_state_dict", "modules", "named_modules"}
_WORTH = re.compile(rb"\.backward\s*\(")
# What makes a file's own models, and what may make their modes matter.
_MAKES_LAYERS = re.compile(rb"nn\.(?:Linear|Conv\dd|LSTM|GRU|RNN|Embedding)\b")
_DEPENDS = re.compile(
    rb"(?i)drop|norm|pretrained|models\.|timm|transformers|hub\.load|from\s+\.|import_module"
)
_DEEPEST = 3
_MOST = 4000


@dataclass(frozen=True, slots=True)
class ModeStep:
    """One thing that happens to a model.

    Attributes:
        kind: `"train"`, `"eval"`, `"unknown"` (a mode that cannot be read), `"freeze"` (its norms
            are put into eval mode), `"call"` or `"backward"`.
        model: How the function writes the model; empty for a backward pass.
        node: Where.
        tracked: For a call, whether gradients are on.
        data: For a call, what is iterated around it, or what it is called on.
        held_out: For a call, whether that is named as data of validation.
    """

    kind: str
    model: str
    node: ast.AST
    tracked: bool = True
    data: str = ""
    held_out: bool = False


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop and the steps in it."""

    body: "tuple[ModeStep | Loop | Fork, ...]"


@dataclass(frozen=True, slots=True)
class Fork:
    """The steps of two branches; whether the first one leaves the block."""

    one: "tuple[ModeStep | Loop | Fork, ...]"
    other: "tuple[ModeStep | Loop | Fork, ...]"
    leaves: bool


ModeSteps = tuple[ModeStep | Loop | Fork, ...]


def may_train(text: bytes) -> bool:
    """Whether a file takes gradients backwards."""
    return _WORTH.search(text) is not None


@dataclass(slots=True)
class Course:
    """What was seen of the modes of models while the steps of a function were followed.

    Attributes:
        evaluated: Calls on data of validation in train mode.
        stuck: Calls for training in the eval mode that an earlier round left behind, and the step
            that put the model into it.
        thawed: ModeSteps that put frozen norms back into train mode, and the step that froze them.
    """

    evaluated: dict[int, tuple[ModeStep, ModeStep | None]] = field(default_factory=dict)
    stuck: dict[int, tuple[ModeStep, ModeStep]] = field(default_factory=dict)
    thawed: dict[int, tuple[ModeStep, ModeStep]] = field(default_factory=dict)


# Three rules ask of one file after another.
@lru_cache(maxsize=1)
def course(source: Source) -> Course:
    """What the functions of a file, and the file itself, do with the modes of their models."""
    found = Course()
    text = b"\n".join(source.lines)
    if _MAKES_LAYERS.search(text) and not _DEPENDS.search(text):
        return found
    reader = _StepReader(source)
    bodies: list[tuple[list[ast.stmt], str, _Function | None]] = [
        (source.tree.body, "", None),
        *((each.body, owner.name if owner else "", each) for each, owner in source.functions),
    ]
    for body, owner, function in bodies:
        steps = reader.read(body, owner, off=_is_off(source, function))
        flat = list(_flat(steps))
        if any(each.kind == "backward" for each in flat):
            _Follower(found, flat, reader.modules).follow(steps)
    return found


def _flat(steps: ModeSteps) -> Iterator[ModeStep]:
    for each in steps:
        if isinstance(each, ModeStep):
            yield each
        elif isinstance(each, Loop):
            yield from _flat(each.body)
        else:
            yield from _flat(each.one)
            yield from _flat(each.other)


def _is_off(source: Source, function: _Function | None) -> bool:
    decorators = function.decorator_list if function is not None else []
    named = [each.func if isinstance(each, ast.Call) else each for each in decorators]
    return any(source.name(each) in _OFF for each in named)


class _StepReader:
    """The steps of functions; those of the file that a function calls are read in its place."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._functions: dict[tuple[str, str], _Function] = {}
        for function, owner in source.functions:
            self._functions.setdefault((owner.name if owner else "", function.name), function)
        self.modules = {
            ast.unparse(call.node.func.value)
            for call in source.calls
            if isinstance(call.node.func, ast.Attribute) and call.node.func.attr in _OF_MODULES
        }
        self._texts: Memo[ast.expr, str] = Memo(ast.unparse)
        self._left = _MOST
        self._owner = ""
        self._bound: Mapping[str, str] = {}
        self._deep = 0
        self._loops: list[tuple[set[str], str]] = []
        self._off = False
        # Whether a function is read whose name says that it validates.
        self._validates = False
        self._norms: dict[str, str] = {}

    def read(self, body: list[ast.stmt], owner: str, *, off: bool) -> ModeSteps:
        """The steps of statements, at the top of a function."""
        self._left, self._owner, self._bound = _MOST, owner, {}
        self._deep, self._loops, self._off, self._norms = 0, [], off, {}
        self._validates = False
        return self._block(body)

    def _block(self, body: list[ast.stmt]) -> ModeSteps:
        return tuple(step for node in body for step in self._statement(node))

    def _statement(self, node: ast.stmt) -> Iterator[ModeStep | Loop | Fork]:
        self._left -= 1
        if self._left < 0 or isinstance(node, _Function | ast.ClassDef):
            return
        if isinstance(node, ast.For | ast.AsyncFor):
            yield from self._expression(node.iter)
            yield Loop(self._looped(node))
            yield from self._block(node.orelse)
        elif isinstance(node, ast.While):
            yield Loop((*self._expression(node.test), *self._block(node.body)))
        elif isinstance(node, ast.If):
            yield from self._chosen(node)
        elif isinstance(node, ast.With | ast.AsyncWith):
            yield from self._with(node)
        elif isinstance(node, ast.Try):
            for body in (node.body, *(each.body for each in node.handlers)):
                yield from self._block(body)
            yield from self._block([*node.orelse, *node.finalbody])
        else:
            yield from self._expression(node)

    def _looped(self, node: ast.For | ast.AsyncFor) -> ModeSteps:
        targets = {each.id for each in ast.walk(node.target) if isinstance(each, ast.Name)}
        data = self._written(node.iter)
        self._loops.append((targets, data))
        walked = re.match(r"(.+)\.(?:named_)?(?:modules|children)\(\)$", data)
        if walked:
            self._norms |= dict.fromkeys(targets, walked[1])
        steps = self._block(node.body)
        self._loops.pop()
        return steps

    def _chosen(self, node: ast.If) -> Iterator[ModeStep | Loop | Fork]:
        yield from self._expression(node.test)
        test = self._texts[node.test] if self._norms else ""
        asked = _NORM.search(test) is not None
        frozen = [each for each in self._norms if asked and re.search(rf"\b{each}\b", test)]
        one: list[ModeStep | Loop | Fork] = []
        for step in self._block(node.body):
            # `module.eval()` of one of a model's modules that is a norm.
            if (
                isinstance(step, ModeStep)
                and step.kind in {"eval", "train"}
                and step.model in frozen
            ):
                kind = "freeze" if step.kind == "eval" else "unknown"
                one.append(ModeStep(kind, self._norms[step.model], step.node))
            else:
                one.append(step)
        leaves = isinstance(node.body[-1], _ENDS)
        yield Fork(tuple(one), self._block(node.orelse), leaves)

    def _with(self, node: ast.With | ast.AsyncWith) -> Iterator[ModeStep | Loop | Fork]:
        outside = self._off
        for item in node.items:
            yield from self._expression(item.context_expr)
            self._off |= self._turns_off(item.context_expr)
        yield from self._block(node.body)
        self._off = outside

    def _turns_off(self, node: ast.expr) -> bool:
        called = node.func if isinstance(node, ast.Call) else node
        name = self._source.name(called)
        if name == "torch.set_grad_enabled" and isinstance(node, ast.Call):
            return any(isinstance(each, ast.Constant) and not each.value for each in node.args)
        return name in _OFF

    def _expression(self, node: ast.AST) -> Iterator[ModeStep | Loop | Fork]:
        """The steps of an expression, the innermost call first."""
        if isinstance(node, ast.Lambda):
            return
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            yield from self._comprehension(node)
            return
        for inner in ast.iter_child_nodes(node):
            yield from self._expression(inner)
        if isinstance(node, ast.Call):
            yield from self._call(node)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> Iterator[ModeStep | Loop | Fork]:
        for each in node.generators:
            targets = {name.id for name in ast.walk(each.target) if isinstance(name, ast.Name)}
            self._loops.append((targets, self._written(each.iter)))
        values = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        yield Loop(tuple(step for value in values for step in self._expression(value)))
        del self._loops[-len(node.generators) :]

    def _call(self, node: ast.Call) -> Iterator[ModeStep | Loop | Fork]:
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if isinstance(called, ast.Attribute):
            if name in {"train", "eval"} and not isinstance(called.value, ast.Call):
                mode = self._mode(node, name)
                if mode:
                    yield ModeStep(mode, self._written(called.value), node)
                    return
            if name in {"backward", "manual_backward"}:
                yield ModeStep("backward", "", node)
                return
            if name == "apply" and len(node.args) == 1:
                yield from self._applied(node, self._written(called.value))
                return
        inside = self._function(called)
        if inside is not None and self._deep < _DEEPEST:
            yield from self._inlined(node, inside, bound=isinstance(called, ast.Attribute))
            return
        if node.args and isinstance(called, ast.Name | ast.Attribute):
            written = self._written(called)
            if written in self.modules:
                yield self._called(node, written)

    @staticmethod
    def _mode(node: ast.Call, name: str) -> str:
        """The mode that `train(...)` or `eval()` puts a module into; empty if it does no such."""
        given = [*node.args, *(each.value for each in node.keywords)]
        if name == "eval":
            return "eval" if not given else ""
        if not given:
            return "train"
        if len(given) > 1:
            return ""
        said = given[0].value if isinstance(given[0], ast.Constant) else None
        return "unknown" if not isinstance(said, bool) else "train" if said else "eval"

    def _called(self, node: ast.Call, model: str) -> ModeStep:
        used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        given = " ".join(self._written(each) for each in node.args)
        data, held_out = "", self._validates or _HELD_OUT.search(given) is not None
        for _targets, around in reversed(self._loops):
            if not around.startswith("range(") and not data:
                # The innermost loop over data; what is called on may be made of its items.
                data = around
                held_out |= _HELD_OUT.search(around) is not None
        return ModeStep("call", model, node, not self._off, data or given, held_out and bool(used))

    def _applied(self, node: ast.Call, model: str) -> Iterator[ModeStep]:
        """`model.apply(function)` of a function that puts norms into eval mode."""
        inside = self._function(node.args[0])
        if inside is not None:
            text = ast.unparse(inside)
            if ".eval()" in text and _NORM.search(text):
                yield ModeStep("freeze", model, node)

    def _function(self, called: ast.expr) -> _Function | None:
        if isinstance(called, ast.Name):
            return self._functions.get(("", called.id))
        if isinstance(called, ast.Attribute) and getattr(called.value, "id", "") == "self":
            return self._functions.get((self._owner, called.attr))
        return None

    def _inlined(
        self, node: ast.Call, function: _Function, *, bound: bool
    ) -> Iterator[ModeStep | Loop | Fork]:
        outer = self._bound, self._off, self._loops, self._norms, self._validates
        parameters = [*function.args.posonlyargs, *function.args.args]
        names = [each.arg for each in parameters[bound:]]
        handed = dict(zip(names, map(self._written, node.args), strict=False))
        handed |= {each.arg: self._written(each.value) for each in node.keywords if each.arg}
        self._bound = handed
        self._off |= _is_off(self._source, function)
        self._validates |= _HELD_OUT.search(function.name) is not None
        self._loops, self._norms = [], {}
        self._deep += 1
        yield from self._block(function.body)
        self._deep -= 1
        self._bound, self._off, self._loops, self._norms, self._validates = outer

    def _written(self, node: ast.expr) -> str:
        """An expression as the function at the top would write it."""
        text = self._texts[node]
        if not self._bound:
            return text
        return re.sub(
            r"(?<![\w.])[A-Za-z_]\w*", lambda found: self._bound.get(found[0], found[0]), text
        )


class _Follower:
    """Follows the steps of one function twice round each loop."""

    def __init__(self, found: Course, flat: list[ModeStep], modules: set[str]) -> None:
        self._found = found
        self._models = {each.model for each in flat if each.kind in {"train", "eval"}}
        self._models |= {each.model for each in flat if each.kind == "call"} & modules
        backward = [at for at, each in enumerate(flat) if each.kind == "backward"]
        # What is called, gradients on, before a backward pass, is what is trained.
        calls = [(at, each) for at, each in enumerate(flat) if each.kind == "call" and each.tracked]
        before = [each for at, each in calls if any(at < end for end in backward)]
        self._trained = {each.model for each in before} & self._models
        self._data = {each.data for each in before if each.model in self._trained}
        self._mode: dict[str, ModeStep] = {}
        self._first: dict[int, str] = {}
        self._frozen: list[ModeStep] = []
        self._thawing: dict[int, tuple[ModeStep, ModeStep]] = {}
        self._seen_training: set[str] = set()

    def follow(self, steps: ModeSteps) -> None:
        """Take every step, in the order in which they are carried out."""
        for each in steps:
            if isinstance(each, ModeStep):
                self._take(each)
            elif isinstance(each, Loop):
                self.follow(each.body)
                self.follow(each.body)
            else:
                self._branch(each)

    def _branch(self, choice: Fork) -> None:
        before = dict(self._mode)
        self.follow(choice.one)
        one = before if choice.leaves else dict(self._mode)
        if not choice.other:
            self._mode = one
            return
        self._mode = before
        self.follow(choice.other)
        self._mode = {
            model: each if one.get(model) in {None, each} else ModeStep("unknown", model, each.node)
            for model, each in self._mode.items()
        } | {model: each for model, each in one.items() if model not in self._mode}

    def _take(self, step: ModeStep) -> None:
        if step.kind in {"train", "eval", "unknown"}:
            self._set(step)
        elif step.kind == "freeze":
            self._frozen.append(step)
            self._thawing.clear()
        elif step.kind == "backward":
            self._found.thawed.update(self._thawing)
        elif step.kind == "call" and step.model in self._trained:
            self._ask(step)

    def _set(self, step: ModeStep) -> None:
        for model in [*self._mode, step.model]:
            if model == step.model or model.startswith(f"{step.model}."):
                self._mode[model] = step
        for frozen in self._frozen if step.kind == "train" else ():
            if frozen.model == step.model or frozen.model.startswith(f"{step.model}."):
                self._thawing[id(step.node)] = step, frozen

    def _ask(self, step: ModeStep) -> None:
        mode = self._mode.get(step.model)
        kind = mode.kind if mode is not None else ""
        if step.tracked:
            self._seen_training.add(step.model)
            first = self._first.setdefault(id(step.node), kind)
            if (
                kind == "eval"
                and first in {"", "train"}
                and mode is not None
                and step.data in self._data
            ):
                self._found.stuck.setdefault(id(mode.node), (step, mode))
        elif step.held_out or step.data not in self._data:
            trained = kind == "train" or (not kind and step.model in self._seen_training)
            if trained and step.held_out:
                self._found.evaluated.setdefault(id(step.node), (step, mode))
