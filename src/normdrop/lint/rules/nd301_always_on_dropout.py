"""ND301."""

import ast
from collections.abc import Iterator

from normdrop.lint.rules._mend import SourceMend
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import Source, SourceCall, functional_call
from normdrop.shifts.graph.paths import active_noise
from normdrop.values.findings import Finding
from normdrop.values.operations import NOISES

_FUNCTIONS = {
    each.address: each
    for noise in NOISES
    for each in noise.functions
    if each.address.startswith("torch.nn.functional.")
}
_NAMES = frozenset(each.name for each in _FUNCTIONS.values())
_CALLED = functional_call(*sorted(_NAMES))


class AlwaysOnDropout(Rule):
    """A dropout function is called without saying whether the model is training.

    ## What it does
    Finds calls of `F.dropout` and its relatives without `training=`, or with `training=True`, and
    in a captured model every dropout that draws in evaluation mode, however it was made.

    ## Why is this bad?
    The functions default to `training=True`, but for the alpha dropouts: `model.eval()` does not
    switch them off, predictions stay random, and norm layers behind them see noise that they also
    saw in training but that nobody wants in production.

    ## Fix safety
    Outputs in evaluation mode change: they are no longer random.

    ## References
    - pytorch/pytorch issues 11999 and 26338, rixwew/pytorch-fm issue 21
    """

    words = ("drop",)
    severity = "error"
    source_mend = SourceMend.HAND_ON_MODE
    valid = (
        """
        import torch.nn.functional as F
        from torch import nn
        class Net(nn.Module):
            def forward(self, x):
                return F.dropout(x, 0.5, self.training)
        """,
        """
        import torch.nn.functional as F
        def noisy(x, **settings):
            return F.dropout(x, **settings)
        """,
        """
        import torch.nn.functional as F
        from torch import nn
        class Net(nn.Module):
            def forward(self, x):
                if self.training:
                    x = F.dropout(x, 0.5)
                return x
        """,
        """
        import torch.nn.functional as F
        from torch import nn
        class Net(nn.Module):
            def forward(self, x):
                return F.alpha_dropout(x, 0.5)
        """,
        """
        import torch.nn.functional as F
        assert F.dropout(x, 0.0) is not None
        """,
        """
        import torch.nn.functional as F
        from torch import nn
        class Switched(nn.Module):
            def forward(self, x, sample=False):
                return F.dropout(x, 0.5) if sample else x
        """,
        """
        import torch.nn.functional as F
        from torch import nn
        class Switched(nn.Module):
            def forward(self, x, phase):
                if phase == "train":
                    x = F.dropout(x, 0.5)
                return x
        """,
    )
    invalid = (
        Invalid(
            """
            import torch.nn.functional as F
            from torch import nn
            class Net(nn.Module):
                def forward(self, x):
                    return F.dropout(x, 0.5)
            """,
            """
            import torch.nn.functional as F
            from torch import nn
            class Net(nn.Module):
                def forward(self, x):
                    return F.dropout(x, 0.5, training=self.training)
            """,
        ),
        Invalid(
            """
            import torch.nn.functional as F
            from torch import nn
            class Net(nn.Module):
                def forward(self, x, rate, mask=None):
                    if rate:
                        x = F.dropout(x, rate)
                    if mask is not None:
                        x = F.dropout(x * mask, 0.1)
                    return x
            """,
            """
            import torch.nn.functional as F
            from torch import nn
            class Net(nn.Module):
                def forward(self, x, rate, mask=None):
                    if rate:
                        x = F.dropout(x, rate, training=self.training)
                    if mask is not None:
                        x = F.dropout(x * mask, 0.1, training=self.training)
                    return x
            """,
        ),
    )

    @classmethod
    def is_worth(cls, text: bytes) -> bool:
        """Many files have a rate called `dropout`."""
        return _CALLED(text)

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every layer of a captured model that draws in evaluation mode."""
        if subject.captured is None:
            return
        awake = [node for node in active_noise(subject.captured.eval) if "drop" in node.operation]
        for layer, noise in {node.layer: node for node in reversed(awake)}.items():
            yield self.finding(
                f"{subject.describe(noise)} stays on in evaluation mode",
                noise.location,
                layers=[layer],
                fix="pass training=self.training, or make the layer in __init__",
            )

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every such call in a method of a class."""
        for call in source.calls_of(_FUNCTIONS):
            if call.owner is not None and _is_always_on(call):
                training = call.argument("training", 2)
                said = "training=True" if training is not None else "no training= argument"
                yield self.finding(
                    f"`{call.name.rpartition('.')[2]}` with {said} stays on in evaluation mode",
                    source.place(call.node),
                    fix="pass training=self.training",
                )


def _is_always_on(call: SourceCall) -> bool:
    """Whether it draws in evaluation mode for certain."""
    rate = call.argument("p", 1)
    if isinstance(rate, ast.Constant) and rate.value == 0:
        return False
    training = call.argument("training", 2)
    if training is not None:
        return isinstance(training, ast.Constant) and training.value is True
    on = _FUNCTIONS[call.name].training
    return on is True and call.whole and not _is_guarded(call)


def _is_guarded(call: SourceCall) -> bool:
    """Whether the function asks for the mode itself anywhere; then the call may be guarded.

    That other calls are handed the mode guards none. Neither is a call at fault that runs only
    where an argument of the function says so: who calls it decides.
    """
    if call.function is None or _is_switched(call.function, call.node):
        return True
    handed_on = {
        id(node)
        for other in ast.walk(call.function)
        if isinstance(other, ast.Call)
        for argument in _modes(other)
        for node in ast.walk(argument)
    }
    return any(
        id(node) not in handed_on
        and (
            (isinstance(node, ast.Attribute) and node.attr == "training")
            or (isinstance(node, ast.Name) and node.id == "training")
        )
        for node in ast.walk(call.function)
    )


def _is_switched(function: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call) -> bool:
    """Whether a call runs only where an argument of its function, which is no rate, says so."""
    given = function.args
    arguments = {each.arg for each in (*given.posonlyargs, *given.args[1:], *given.kwonlyargs)}
    # `if rate: x = F.dropout(x, rate)` asks for no mode.
    arguments -= {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
    for node in ast.walk(function):
        if isinstance(node, ast.If | ast.IfExp) and not arguments.isdisjoint(_switches(node.test)):
            inside = ast.walk(node)
            if any(each is call for each in inside):
                return True
    return False


def _switches(test: ast.expr) -> Iterator[str]:
    """The names that a condition takes as switches: true or false, or one of some words."""
    if isinstance(test, ast.Name):
        yield test.id
    elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from _switches(test.operand)
    elif isinstance(test, ast.BoolOp):
        for part in test.values:
            yield from _switches(part)
    elif isinstance(test, ast.Compare) and isinstance(test.left, ast.Name):
        told = [each for each in test.comparators if isinstance(each, ast.Constant)]
        if all(isinstance(each.value, str | bool) for each in told) and told:
            yield test.left.id


def _modes(call: ast.Call) -> Iterator[ast.expr]:
    """The arguments that tell a call the mode."""
    yield from (keyword.value for keyword in call.keywords if keyword.arg == "training")
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if name in _NAMES:
        yield from call.args[2:3]
