"""ND307."""

import ast
import re
from collections.abc import Iterator

from normdrop.lint.rules._guards import assigned
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import Source, SourceCall, functional_call
from normdrop.shifts.graph import Kind
from normdrop.values.findings import Finding
from normdrop.values.operations import NORMS

_FUNCTION = next(
    each for each in NORMS["batch"].functions if each.address.startswith("torch.nn.functional.")
)
_LAYERS = {f"keras.layers.{name}" for name in NORMS["batch"].keras_layers}
_CALLED = functional_call(_FUNCTION.name)


class NormAlwaysTraining(Rule):
    """A norm layer with running statistics uses those of the batch in evaluation.

    ## What it does
    Finds `F.batch_norm` with `training=True`, Keras' `BatchNormalization` called with
    `training=True`, and in a captured model every norm that keeps running statistics and does not
    use them in evaluation mode.

    ## Why is this bad?
    A prediction depends on who else is in the batch, and a batch of one is normalised by itself.
    The running statistics are kept for nothing, and predictions may even move them.

    ## Fix safety
    Outputs in evaluation change: they no longer depend on the batch.

    ## References
    - pytorch/pytorch issues 4741 and 5406, keras-team/keras issues 6977 and 9522
    """

    words = ("batch_norm", "BatchNorm")
    valid = (
        """
        import torch.nn.functional as F
        from torch import nn
        class Norm(nn.BatchNorm2d):
            def forward(self, x):
                return F.batch_norm(x, self.running_mean, self.running_var, training=self.training)
        """,
        """
        import torch.nn.functional as F
        from torch import nn
        class Norm(nn.Module):
            def forward(self, x):
                return F.batch_norm(x, None, None, training=True)
        """,
        """
        from keras import Input, Model, layers
        inputs = Input((8,))
        model = Model(inputs, layers.BatchNormalization()(inputs, training=False))
        """,
        """
        import torch.nn.functional as F
        from torch import nn
        class Adaptive(nn.Module):
            def forward(self, x, mean, variance):
                batch, channels, *rest = x.shape
                apart = x.contiguous().view(1, batch * channels, *rest)
                return F.batch_norm(apart, mean, variance, None, None, True).view_as(x)
        """,
    )
    invalid = (
        Invalid(
            """
            from keras import Input, Model, layers
            inputs = Input((8,))
            x = layers.BatchNormalization()(inputs, training=True)
            model = Model(inputs, layers.Dense(2)(x))
            """,
            """
            from keras import Input, Model, layers
            inputs = Input((8,))
            x = layers.BatchNormalization()(inputs)
            model = Model(inputs, layers.Dense(2)(x))
            """,
        ),
        Invalid(
            """
            import torch.nn.functional as F
            from torch import nn
            class Norm(nn.BatchNorm2d):
                def forward(self, x):
                    return F.batch_norm(x, self.running_mean, self.running_var, training=True)
            """,
            """
            import torch.nn.functional as F
            from torch import nn
            class Norm(nn.BatchNorm2d):
                def forward(self, x):
                    return F.batch_norm(
                        x, self.running_mean, self.running_var, training=self.training
                    )
            """,
        ),
    )

    @classmethod
    def is_worth(cls, text: bytes) -> bool:
        """Many other functions have `batch_norm` in their name."""
        return b"BatchNormalization" in text or _CALLED(text)

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every such norm of a captured model."""
        if subject.captured is None:
            return
        for norm in subject.captured.eval.of_kind(Kind.NORM):
            details = norm.norm
            if details and details.carries_statistics and details.uses_batch_statistics:
                yield self.finding(
                    f"{subject.describe(norm)} keeps running statistics and normalises by the "
                    "batch at hand in evaluation",
                    norm.location,
                    layers=[norm.layer],
                    fix="pass training=self.training",
                )

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every call that says so."""
        for call in source.calls_of([_FUNCTION.address]):
            training, *keeps = (
                call.argument(name, _FUNCTION.arguments.index(name))
                for name in ("training", "running_mean", "running_var")
            )
            in_class = call.owner is not None and not _is_by_sample(call)
            if in_class and _is_true(training) and not any(map(_is_none, keeps)):
                yield self._said(source, call, "training=self.training")
        layers = {id(call.node) for call in source.calls_of(_LAYERS)}
        for call in source.calls if layers else ():
            if id(call.node.func) in layers and _is_true(call.argument("training")):
                yield self._said(source, call, "no training=")

    def _said(self, source: Source, call: SourceCall, instead: str) -> Finding:
        return self.finding(
            "batch norm with training=True normalises by the batch at hand in evaluation",
            source.place(call.node),
            fix=f"pass {instead}",
        )


def _is_by_sample(call: SourceCall) -> bool:
    """Whether all samples are channels of one: `x.view(1, batch * channels, ...)`."""
    given = call.argument("input", 0)
    made = (
        assigned(call.function, given.id) if isinstance(given, ast.Name) and call.function else []
    )
    written = [ast.unparse(each) for each in (*made, *([given] if given is not None else ()))]
    return any(re.search(r"\.(?:view|reshape)\(1,", each) for each in written)


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _is_none(node: ast.expr | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)
