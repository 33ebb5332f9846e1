"""ND105."""

from collections.abc import Iterator

from normdrop.lint.rules._branches import drops_units
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import MODEL_WORDS
from normdrop.shifts.graph import Kind, Node
from normdrop.values.findings import Finding


class DropoutAfterGlobalPool(Rule):
    """Dropout in the head stands behind the global pooling.

    ## What it does
    Finds dropout on the output of global average pooling, with at most shapes and activations
    between.

    ## Why is this bad?
    Before the pooling dropout draws for every position, and the average over them is steadier than
    one draw for the pooled feature. This is an opinion: most published heads drop behind the
    pooling, and the gain of dropping before it was 0.1 to 1.3 points.

    ## Fix safety
    Outputs of the trained model in evaluation stay the same; train again.

    ## References
    - Kim, Choi, Jang, Lee, Kim: How to Use Dropout Correctly on Residual Networks with Batch
      Normalization, UAI 2023, arXiv 2302.06112, guideline 2
    """

    words = MODEL_WORDS
    severity = "note"
    opinion = True
    valid = (
        """
        from torch import nn
        head = nn.Sequential(
            nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(8, 2),
        )
        """,
        """
        from torch import nn
        head = nn.Sequential(
            nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2), nn.Dropout(0.2), nn.Conv2d(8, 8, 3),
        )
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            head = nn.Sequential(
                nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                nn.Dropout(0.2), nn.Linear(8, 2),
            )
            """,
            """
            from torch import nn
            head = nn.Sequential(
                nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2), nn.AdaptiveAvgPool2d(1),
                nn.Flatten(), nn.Linear(8, 2),
            )
            """,
        ),
        Invalid(
            """
            from keras import Sequential, layers
            model = Sequential([
                layers.BatchNormalization(), layers.GlobalAveragePooling2D(), layers.Dropout(0.2),
                layers.Dense(2),
            ])
            """,
            """
            from keras import Sequential, layers
            model = Sequential([
                layers.BatchNormalization(), layers.Dropout(0.2), layers.GlobalAveragePooling2D(),
                layers.Dense(2),
            ])
            """,
        ),
    )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every such dropout."""
        for noise in filter(drops_units, subject.graph):
            pool = _pool_before(subject, noise)
            if pool is not None:
                yield self.finding(
                    f"{subject.describe(noise)} drops pooled features",
                    noise.location,
                    layers=[noise.layer],
                    fix="move the dropout before the pooling",
                    related=[pool.location],
                )


def _pool_before(subject: Subject, noise: Node) -> Node | None:
    """The global average pooling whose output it drops."""
    before = subject.graph.sources(noise)
    while len(before) == 1 and before[0].kind in {Kind.RESHAPE, Kind.ACTIVATION}:
        before = subject.graph.sources(before[0])
    return before[0] if len(before) == 1 and subject.pools_everything(before[0]) else None
