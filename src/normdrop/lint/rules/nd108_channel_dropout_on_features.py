"""ND108."""

import re
from collections.abc import Iterator

from normdrop.lint.rules._mend import ModelMend, SourceMend
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import MODEL_WORDS
from normdrop.shifts.graph import Along, Kind, Node, Weight
from normdrop.values.findings import Finding

_SPATIAL = re.compile(r"(Spatial)?Dropout[123][dD]|dropout[123]d")
_SHAPELESS = {Kind.ACTIVATION, Kind.NORM, Kind.NOISE}


class ChannelDropoutOnFeatures(Rule):
    """Channel-wise dropout acts on features that have no channels.

    ## What it does
    Finds dropout of whole channels, such as `Dropout2d`, on the output of a linear layer.

    ## Why is this bad?
    Without spatial axes there is no map to drop: PyTorch falls back to single units and warns, or
    takes another axis for the channels and drops more than was meant.

    ## Fix safety
    On one vector per sample, plain dropout computes the same.

    ## References
    - PyTorch documentation of `torch.nn.Dropout2d`
    """

    words = MODEL_WORDS
    source_mend = SourceMend.PLAIN_DROPOUT
    model_mend = ModelMend.PLAIN_DROPOUT
    valid = (
        """
        from torch import nn
        model = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.Dropout2d(0.5))
        """,
        """
        from torch import nn
        model = nn.Sequential(
            nn.Linear(8, 48, bias=False), nn.BatchNorm1d(48), nn.Unflatten(1, (3, 4, 4)),
            nn.Dropout2d(0.5),
        )
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            model = nn.Sequential(
                nn.Linear(8, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout2d(0.5),
            )
            """,
            """
            from torch import nn
            model = nn.Sequential(
                nn.Linear(8, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5),
            )
            """,
        ),
    )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every such dropout."""
        for noise in subject.graph.of_kind(Kind.NOISE):
            channels = noise.noise is not None and noise.noise.along is Along.CHANNEL
            named = _SPATIAL.fullmatch(noise.module_type) or _SPATIAL.fullmatch(noise.operation)
            weight = _weight_before(subject, noise) if channels and named else None
            if weight is not None:
                yield self.finding(
                    f"{subject.describe(noise)} drops channels of {subject.describe(weight)}, "
                    "which has none",
                    noise.location,
                    layers=[noise.layer, weight.layer],
                    fix="use plain dropout",
                    related=[weight.location],
                )


def _weight_before(subject: Subject, noise: Node) -> Node | None:
    """The linear layer whose features it drops, if nothing on the way gives them another shape."""
    before = subject.graph.sources(noise)
    while len(before) == 1 and before[0].kind in _SHAPELESS:
        before = subject.graph.sources(before[0])
    if len(before) != 1 or not isinstance(before[0].details, Weight):
        return None
    return before[0] if before[0].details.family == "linear" else None
