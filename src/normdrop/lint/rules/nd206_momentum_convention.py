"""ND206."""

import ast
from collections.abc import Iterator

from normdrop.lint.rules._mend import ModelMend, SourceMend
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import MODEL_WORDS, Source
from normdrop.shifts.graph import Kind
from normdrop.values.findings import Finding
from normdrop.values.location import Location
from normdrop.values.operations import NORMS

# At 0.9 PyTorch keeps a tenth of its history per batch, and Keras forgets nine tenths at 0.1.
_HASTY = 0.5
_NORMS = frozenset(
    [
        *(f"torch.nn.{name}" for name in NORMS["batch"].modules),
        *(f"keras.layers.{name}" for name in NORMS["batch"].keras_layers),
    ]
)


class MomentumConvention(Rule):
    """A norm layer's momentum follows the other framework's convention.

    ## What it does
    Finds batch norm layers that give the newest batch at least half of the weight in their running
    statistics, but not all of it.

    ## Why is this bad?
    PyTorch's momentum is the weight of the new batch, Keras' is the weight of the history:
    PyTorch's `momentum=0.1` is Keras' `momentum=0.9`. A number carried over unchanged makes the
    running statistics those of the last one or two batches, and evaluation jumps with them.

    ## Fix safety
    Running statistics of a trained model change; re-estimate them.

    ## References
    - huggingface/transformers issue 19454, vlawhern/arl-eegmodels issue 39
    """

    words = MODEL_WORDS
    source_mend = SourceMend.TURN_MOMENTUM
    model_mend = ModelMend.TURN_MOMENTUM
    valid = (
        """
        from torch import nn
        model = nn.Sequential(nn.BatchNorm2d(8, momentum=0.01), nn.ReLU())
        """,
        """
        from torch import nn
        model = nn.Sequential(nn.BatchNorm2d(8, momentum=1.0), nn.ReLU())
        """,
        """
        from keras import Sequential, layers
        model = Sequential([layers.BatchNormalization(momentum=0.9)])
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            model = nn.Sequential(nn.BatchNorm2d(8, eps=1e-3, momentum=0.99), nn.ReLU())
            """,
            """
            from torch import nn
            model = nn.Sequential(nn.BatchNorm2d(8, eps=1e-3, momentum=0.01), nn.ReLU())
            """,
        ),
        Invalid(
            """
            from keras import Sequential, layers
            model = Sequential([layers.BatchNormalization(momentum=0.1)])
            """,
            """
            from keras import Sequential, layers
            model = Sequential([layers.BatchNormalization(momentum=0.9)])
            """,
        ),
    )

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every hasty norm layer, whether or not its model can be followed."""
        for call in source.calls_of(_NORMS):
            keras = call.name.startswith("keras.")
            written = call.argument("momentum", 1 if keras else 2 - ("Lazy" in call.name))
            value = written.value if isinstance(written, ast.Constant) else None
            if isinstance(value, int | float) and _HASTY <= (1 - value if keras else value) < 1:
                yield self._found(
                    call.name.rpartition(".")[2], float(value), source.place(call.node), keras=keras
                )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every hasty norm layer."""
        for norm in subject.graph.of_kind(Kind.NORM):
            details = norm.norm
            if details is None or details.momentum is None or not details.carries_statistics:
                continue
            if _HASTY <= details.momentum < 1:
                keras = subject.is_keras(norm)
                written = 1 - details.momentum if keras else details.momentum
                name, place = subject.describe(norm), subject.made(norm)
                yield self._found(name, written, place, keras=keras, layers=(norm.layer,))

    def _found(
        self,
        name: str,
        written: float,
        place: Location | None,
        *,
        keras: bool,
        layers: tuple[str, ...] = (),
    ) -> Finding:
        other, newest = ("PyTorch's", 1 - written) if keras else ("Keras'", written)
        return self.finding(
            f"{name} has momentum {written:.3g}, as in {other} convention: the newest batch counts "
            f"{newest:.0%} in its running statistics",
            place,
            layers=layers,
            fix=f"write momentum={1 - written:.3g}",
        )
