"""ND107."""

from collections.abc import Iterator

from normdrop.lint.rules._mend import ModelMend, SourceMend
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import MODEL_WORDS
from normdrop.shifts.graph import Kind, Node, Pool
from normdrop.values.findings import Finding


class DropoutBeforeMaxPool(Rule):
    """Dropout stands before a max-pool.

    ## What it does
    Finds dropout whose output reaches max-pooling with at most activations between.

    ## Why is this bad?
    A maximum is no linear function of what it pools: with half of the units dropped and the others
    doubled, its mean in training is another than in evaluation, and no scale mends that. This is an
    opinion: in published races of ten orders, one with dropout before the pool came second.

    ## Fix safety
    Dropout moved behind the pool drops whole maxima; train again.

    ## References
    - nagadomi/kaggle-cifar10-torch7 issue 5
    - Stack Overflow 39691902, whose answer races ten orders
    """

    words = MODEL_WORDS
    severity = "note"
    opinion = True
    source_mend = SourceMend.MOVE_LATER
    model_mend = ModelMend.MOVE_BEHIND_POOL
    valid = (
        """
        from torch import nn
        model = nn.Sequential(nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5))
        """,
        """
        from torch import nn
        model = nn.Sequential(nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5), nn.AvgPool2d(2))
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            model = nn.Sequential(nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5), nn.MaxPool2d(2))
            """,
            """
            from torch import nn
            model = nn.Sequential(nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5))
            """,
        ),
    )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every such dropout."""
        for noise in subject.graph.of_kind(Kind.NOISE):
            pool = _pool_after(subject, noise)
            if noise.noise is not None and noise.noise.active and pool is not None:
                yield self.finding(
                    f"{subject.describe(noise)} comes before {subject.describe(pool)}",
                    noise.location,
                    layers=[noise.layer, pool.layer],
                    fix="move the dropout behind the pool",
                    related=[pool.location],
                )


def _pool_after(subject: Subject, noise: Node) -> Node | None:
    following = subject.graph.consumers(noise)
    while len(following) == 1 and following[0].kind is Kind.ACTIVATION:
        following = subject.graph.consumers(following[0])
    if len(following) != 1:
        return None
    details = following[0].details
    return following[0] if isinstance(details, Pool) and details.method == "max" else None
