"""ND106."""

import ast
import re
from collections.abc import Iterator, Sequence

from normdrop.lint.rules._classes import Classes, classes_of, is_own, methods, statements
from normdrop.lint.rules._mend import ModelMend, SourceMend
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import MODEL_WORDS, Source, counts_classes
from normdrop.shifts.graph import Activation, Graph, Kind, Node
from normdrop.values.findings import Finding
from normdrop.values.operations import NOISES

# What layers are called that yield logits, and functions that take them.
_LOGITS = re.compile(
    r"(?i)(?:^|[._])(?:logits?|classifier|cls_(?:head|score)|class_head)(?:_?\d+)?(?:\.\d+)?$"
)
_LOGITS_WORD = re.compile(rb"(?i)class|cls|label|logit|categories|vocab_size")
_FUNCTIONS = frozenset(each.address for noise in NOISES for each in noise.functions)
_DROPOUTS = frozenset(
    [
        *(f"torch.nn.{name}" for noise in NOISES for name in noise.modules),
        *(f"keras.layers.{name}" for noise in NOISES for name in noise.keras_layers),
    ]
)
# Where each weight layer is told its width.
_WEIGHTS = {
    **{f"torch.nn.{name}": 1 for name in ("Linear", "Conv1d", "Conv2d", "Conv3d")},
    **{f"keras.layers.{name}": 0 for name in ("Dense", "Conv1D", "Conv2D", "Conv3D")},
    "torch.nn.LazyLinear": 0,
}
_LOSS = re.compile(r"(?i)loss|entropy|criterion|argmax|topk|^call$")


class DropoutOnLogits(Rule):
    """Dropout acts on the logits.

    ## What it does
    Finds dropout between a weight layer and a softmax, with at most shapes changed between; and in
    source dropout on the output of a layer that yields one value a class, by what its width or the
    layer is called, where no other layer makes features of them.

    ## Why is this bad?
    A dropped logit is 0, which is no small value but an arbitrary one: the softmax gives the class
    a probability that nothing was computed for, and every loss of a batch is changed by it.

    ## Fix safety
    Moved before the last weight, the dropout regularises features; train again.

    ## References
    - Srivastava et al.: Dropout, JMLR 2014, which drops units of input and hidden layers
    """

    words = (*MODEL_WORDS, "Dropout", "dropout")
    source_mend = SourceMend.MOVE_EARLIER
    model_mend = ModelMend.MOVE_BEFORE_WEIGHT
    valid = (
        """
        from torch import nn
        model = nn.Sequential(
            nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3), nn.Softmax(dim=1),
        )
        """,
        """
        from torch import nn
        class FeedForward(nn.Module):
            def __init__(self, width, num_classes):
                super().__init__()
                self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
                self.drop = nn.Dropout(0.1)
            def forward(self, x):
                return self.drop(self.down(self.up(x).relu()))
        """,
        """
        from torch import nn
        class Twice(nn.Module):
            def __init__(self, width, num_classes):
                super().__init__()
                self.first = nn.Linear(width, num_classes)
                self.drop = nn.Dropout(0.1)
                self.second = nn.Linear(num_classes, num_classes)
            def forward(self, x):
                return self.second(self.drop(self.first(x)).relu())
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            model = nn.Sequential(
                nn.BatchNorm1d(8), nn.Linear(8, 3), nn.Dropout(0.5), nn.Softmax(dim=1),
            )
            """,
            """
            from torch import nn
            model = nn.Sequential(
                nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3), nn.Softmax(dim=1),
            )
            """,
        ),
        Invalid(
            """
            from torch import nn
            class Net(nn.Module):
                def __init__(self, width, num_classes, drop_rate=0.2, **dd):
                    super().__init__()
                    self.fc = nn.Linear(width, num_classes, **dd)
                    self.drop = nn.Dropout(drop_rate)
                def forward(self, x):
                    x = self.fc(x)
                    return self.drop(x)
            """,
            """
            from torch import nn
            class Net(nn.Module):
                def __init__(self, width, num_classes, drop_rate=0.2, **dd):
                    super().__init__()
                    self.fc = nn.Linear(width, num_classes, **dd)
                    self.drop = nn.Dropout(drop_rate)
                def forward(self, x):
                    x = self.drop(x)
                    return self.fc(x)
            """,
        ),
    )

    @classmethod
    def is_worth(cls, text: bytes) -> bool:
        """Dropout must stand in the file."""
        return b"ropout" in text

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every such call of dropout, whether or not the file has any norm."""
        classes = classes_of(source)
        if not any(map(_LOGITS_WORD.search, source.lines)):
            return
        for function, owner in source.functions:
            for call in _DroppedLogits(source, classes, function, owner).faults():
                yield self.finding(
                    "this dropout drops logits",
                    source.place(call),
                    fix="move the dropout before the last weight layer",
                )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every such dropout."""
        graph = subject.graph
        for noise in graph.of_kind(Kind.NOISE):
            if noise.noise is None or not noise.noise.active:
                continue
            weight = _weight_before(graph, noise)
            if weight is not None and (
                _meets_softmax(graph, noise) or _is_given_back(subject, weight, noise)
            ):
                yield self.finding(
                    f"{subject.describe(noise)} drops logits",
                    noise.location,
                    layers=[noise.layer, weight.layer],
                    fix="move the dropout before the last weight layer",
                )


def _weight_before(graph: Graph, noise: Node) -> Node | None:
    """The weight layer whose output noise acts on, with at most shapes changed between."""
    source = graph.sources(noise)
    while source and source[0].kind is Kind.RESHAPE:
        source = graph.sources(source[0])
    return source[0] if source and source[0].kind is Kind.WEIGHT else None


def _following(graph: Graph, noise: Node) -> Sequence[Node]:
    """What takes the output of noise, whatever its shape."""
    following = graph.consumers(noise)
    while len(following) == 1 and following[0].kind is Kind.RESHAPE:
        following = graph.consumers(following[0])
    return following


def _meets_softmax(graph: Graph, noise: Node) -> bool:
    following = _following(graph, noise)
    return len(following) == 1 and _is_softmax(following[0])


def _is_softmax(node: Node) -> bool:
    details = node.details
    return isinstance(details, Activation) and details.name in {"softmax", "log_softmax"}


def _is_given_back(subject: Subject, weight: Node, noise: Node) -> bool:
    """Whether source shows that a weight yields logits, and that nothing but a loss follows."""
    part = subject.part(weight)
    named = _LOGITS.search(weight.layer) is not None
    if part is None or not (part.classes or named):
        return False
    return all(
        _is_softmax(node) or (node.kind is Kind.UNKNOWN and _LOSS.search(node.operation))
        for node in _following(subject.graph, noise)
    )


class _DroppedLogits:
    """One function: what its names are made of, and which calls of dropout act on logits."""

    def __init__(
        self, source: Source, classes: Classes, node: ast.AST, owner: ast.ClassDef | None
    ) -> None:
        self._source = source
        self._classes = classes
        self._node = node
        around = classes.above[owner] if owner is not None else []
        kept = [each for one in around for each in classes.kept(one)]
        self._drops = {each.name for each in kept if "Drop" in classes.layer(each.made)}
        self._logits = {name for one in around for name in _logit_layers(source, one)}

    def faults(self) -> Iterator[ast.Call]:
        """The calls of dropout on logits that nothing but a loss takes."""
        for call in ast.walk(self._node):
            if not isinstance(call, ast.Call) or not call.args or not self._is_dropout(call):
                continue
            if self._are_logits(call.args[0], call) and self._ends(call):
                yield call

    def _is_dropout(self, call: ast.Call) -> bool:
        if is_own(call.func):
            return call.func.attr in self._drops
        made = call.func
        if isinstance(made, ast.Call):
            return self._source.name(made.func) in _DROPOUTS
        return self._source.name(made) in _FUNCTIONS

    def _are_logits(self, node: ast.expr, before: ast.Call) -> bool:
        if isinstance(node, ast.Name):
            made = [
                each
                for each in ast.walk(self._node)
                if isinstance(each, ast.Assign)
                and any(isinstance(t, ast.Name) and t.id == node.id for t in each.targets)
                and each.lineno < before.lineno
            ]
            last = max(made, key=lambda each: each.lineno, default=None)
            return (
                last is not None and isinstance(last.value, ast.Call) and self._yields(last.value)
            )
        return isinstance(node, ast.Call) and self._yields(node)

    def _yields(self, call: ast.Call) -> bool:
        """Whether a call yields one value a class."""
        if is_own(call.func):
            return call.func.attr in self._logits
        made = call.func
        return isinstance(made, ast.Call) and _makes_logits(self._source, made)

    def _ends(self, call: ast.Call) -> bool:
        """Whether no layer takes what a call yields."""
        holder = next(self._source.above(call), None)
        if isinstance(holder, ast.Call):
            return _takes_logits(holder)
        if not isinstance(holder, ast.Assign) or not isinstance(holder.targets[0], ast.Name):
            return isinstance(holder, ast.Return | ast.Tuple | ast.Dict)
        name = holder.targets[0].id
        later = [
            each
            for each in ast.walk(self._node)
            if isinstance(each, ast.Name)
            and each.id == name
            and isinstance(each.ctx, ast.Load)
            and each.lineno > holder.lineno
        ]
        users = [next(self._source.above(each), None) for each in later]
        return all(_takes_logits(each) for each in users if isinstance(each, ast.Call))


def _logit_layers(source: Source, node: ast.ClassDef) -> Iterator[str]:
    """The attributes of a class that hold a layer which yields one value a class."""
    for method in methods(node):
        for each in statements(method):
            value = each.value if isinstance(each, ast.Assign) else None
            value = value.body if isinstance(value, ast.IfExp) else value
            if isinstance(each, ast.Assign) and isinstance(value, ast.Call):
                for target in each.targets:
                    if is_own(target) and _makes_logits(source, value, target.attr):
                        yield target.attr


def _makes_logits(source: Source, call: ast.Call, name: str = "") -> bool:
    """Whether a call makes a layer that yields one value a class, by its width or its name."""
    at = _WEIGHTS.get(source.name(call.func))
    if at is None:
        return False
    named = {each.arg: each.value for each in call.keywords}
    width = named.get("out_features") or named.get("units") or named.get("out_channels")
    if width is None and at < len(call.args):
        width = call.args[at]
    plain = isinstance(width, ast.Name | ast.Attribute) and counts_classes(ast.unparse(width))
    return plain or bool(name and _LOGITS.search(name))


def _takes_logits(call: ast.Call) -> bool:
    """Whether a function is one of logits, or of no tensor."""
    name = ast.unparse(call.func).rpartition(".")[2]
    return bool(re.search(r"(?i)loss|entropy|criterion|softmax|sigmoid|argmax|Model$|Output", name))
