"""ND301."""

import ast
import re
from collections.abc import Iterator

from normdrop.lint.rules._classes import classes_of, is_own
from normdrop.lint.rules._guards import is_guarded, is_reached_always, is_wanted
from normdrop.lint.rules._mend import SourceMend
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import Source, SourceCall, functional_call
from normdrop.shifts.graph import Distribution, Node
from normdrop.shifts.graph.paths import active_noise
from normdrop.values.findings import Finding
from normdrop.values.operations import NOISES

_FUNCTIONS = {
    each.address: each
    for noise in NOISES
    for each in noise.functions
    if each.address.startswith("torch.nn.functional.")
}
_LAYERS = frozenset(f"keras.layers.{name}" for noise in NOISES for name in noise.keras_layers)
# Who samples, or predicts with a model that draws, means it; ND315 says what Keras makes of that.
_SAMPLES = re.compile(
    rb"(?i)monte.?carlo|mc.?dropout|bayes|uncertain|(?<![a-z])sample[sd]?\b"
    rb"|\w\) for _ in range|\.(?:predict|evaluate)\w*\("
)
_CALLED = functional_call(*sorted(each.name for each in _FUNCTIONS.values()))


class AlwaysOnDropout(Rule):
    """A dropout function is called without saying whether the model is training.

    ## What it does
    Finds calls of `F.dropout` and its relatives without `training=`, or with `training=True`,
    in methods and in functions that methods of the file call, and in a captured model every
    dropout that draws in evaluation mode, however it was made; and calls of dropout layers of Keras
    with `training=True` in files that neither sample nor predict. A call that a mode, an argument
    or a switch decides about is not found.

    ## Why is this bad?
    The functions default to `training=True`, but for the alpha dropouts: `model.eval()` does not
    switch them off, predictions stay random, and norm layers behind them see noise that they also
    saw in training but that nobody wants in production.

    ## Fix safety
    Outputs in evaluation mode change: they are no longer random.

    ## References
    - pytorch/pytorch issues 11999 and 26338, rixwew/pytorch-fm issue 21
    """

    words = ("drop", "Drop")
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
        from torch import nn
        class Net(nn.Module):
            def forward(self, x, use_dropout):
                if not use_dropout:
                    return x
                return F.dropout(x, 0.5)
        """,
        """
        import torch.nn.functional as F
        from torch import nn
        class Net(nn.Module):
            def forward(self, x):
                rate = 0.5 if self.training else 0.0
                return F.dropout(x, p=rate)
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
                def __init__(self, rate):
                    super().__init__()
                    self.rate, self.layers = rate, nn.ModuleList([nn.Linear(8, 8)])
                def forward(self, x):
                    if not self.training:
                        x = x.detach()
                    for layer in self.layers:
                        if self.rate > 0:
                            x = F.dropout(layer(x), self.rate)
                    return x
            """,
            """
            import torch.nn.functional as F
            from torch import nn
            class Net(nn.Module):
                def __init__(self, rate):
                    super().__init__()
                    self.rate, self.layers = rate, nn.ModuleList([nn.Linear(8, 8)])
                def forward(self, x):
                    if not self.training:
                        x = x.detach()
                    for layer in self.layers:
                        if self.rate > 0:
                            x = F.dropout(layer(x), self.rate, training=self.training)
                    return x
            """,
        ),
        Invalid(
            """
            import torch.nn.functional as F
            from torch import nn
            def disturbed(x, p=0.5):
                return F.dropout(x, p)
            class Net(nn.Module):
                def forward(self, x):
                    return disturbed(x)
            """,
            """
            import torch.nn.functional as F
            from torch import nn
            def disturbed(x, training, p=0.5):
                return F.dropout(x, p, training)
            class Net(nn.Module):
                def forward(self, x):
                    return disturbed(x, self.training)
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
        Invalid(
            """
            from keras import layers
            def head(x, width):
                x = layers.Dense(width)(x)
                return layers.Dropout(0.5)(x, training=True)
            """,
            """
            from keras import layers
            def head(x, width):
                x = layers.Dense(width)(x)
                return layers.Dropout(0.5)(x)
            """,
        ),
    )

    @classmethod
    def is_worth(cls, text: bytes) -> bool:
        """Many files have a rate called `dropout`."""
        return _CALLED(text) or (b"training" in text and b"Dropout" in text)

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every layer of a captured model that draws in evaluation mode."""
        if subject.captured is None:
            return
        awake = [node for node in active_noise(subject.captured.eval) if _drops(node)]
        for layer, noise in {node.layer: node for node in reversed(awake)}.items():
            yield self.finding(
                f"{subject.describe(noise)} stays on in evaluation mode",
                noise.location,
                layers=[layer],
                fix="pass training=self.training, or make the layer in __init__",
            )

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every such call in a method, or in a function that a method calls."""
        for call in source.calls_of(_FUNCTIONS):
            if _is_always_on(source, call):
                training = call.argument("training", 2)
                said = "training=True" if training is not None else "no training= argument"
                yield self.finding(
                    f"`{call.name.rpartition('.')[2]}` with {said} stays on in evaluation mode",
                    source.place(call.node),
                    fix="pass training=self.training"
                    if call.owner is not None
                    else "take training as an argument and hand it on",
                )
        for call in _keras_calls(source):
            yield self.finding(
                "a dropout layer that is called with training=True stays on in evaluation mode",
                source.place(call.node),
                severity="warning",
                fix="leave training= out: Keras tells the layer the mode",
            )


def _keras_calls(source: Source) -> Iterator[SourceCall]:
    """The calls of dropout layers of Keras that are always on, where nobody samples."""
    layers = {id(call.node): call for call in source.calls_of(_LAYERS)}
    if not layers or any(map(_SAMPLES.search, source.lines)):
        return
    for call in source.calls:
        training = call.argument("training")
        if not isinstance(training, ast.Constant) or training.value is not True:
            continue
        layer = layers.get(id(call.node.func))
        if layer is None and not _is_kept(source, call):
            continue
        rate = layer.argument("rate", 0) if layer is not None else None
        if not is_wanted(source, call.node) and not is_guarded(source, call.node, rate):
            yield call


def _is_kept(source: Source, call: SourceCall) -> bool:
    """Whether it is a call of a dropout layer that a class of Keras keeps."""
    written = call.node.func
    if not is_own(written) or call.owner is None:
        return False
    kept = classes_of(source).kept(call.owner)
    return any(
        each.name == written.attr and source.name(each.made.func) in _LAYERS for each in kept
    )


def _drops(node: Node) -> bool:
    """Whether it drops units, also those of attention; Gaussian noise may be meant."""
    dropped = node.noise is not None and node.noise.distribution is Distribution.BERNOULLI
    return dropped or "drop" in node.operation


def _is_always_on(source: Source, call: SourceCall) -> bool:
    """Whether it draws in evaluation mode for certain."""
    rate = call.argument("p", 1)
    if isinstance(rate, ast.Constant) and rate.value == 0:
        return False
    training = call.argument("training", 2)
    if training is not None:
        on = isinstance(training, ast.Constant) and training.value is True
    else:
        on = _FUNCTIONS[call.name].training is True and call.whole
    return on and not is_wanted(source, call.node) and is_reached_always(source, call, rate)
