"""ND203."""

from collections.abc import Iterator

from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import MODEL_WORDS
from normdrop.shifts.graph import Activation, Kind
from normdrop.values.findings import Finding


class NormBeforeSoftmax(Rule):
    """A batch norm layer stands straight before a softmax.

    ## What it does
    Finds batch norm layers whose output goes only to a softmax or log-softmax.

    ## Why is this bad?
    The norm forces every logit to have the same mean and variance over the batch: the network
    cannot say that a class is frequent or that it is sure, but for γ and β, and a prediction
    depends on who else is in the batch while it is trained.

    ## Fix safety
    Outputs change; train again.

    ## References
    - Ioffe, Szegedy: Batch Normalization, 2015, which normalises before hidden nonlinearities only
    """

    words = MODEL_WORDS
    valid = (
        """
        from torch import nn
        model = nn.Sequential(nn.BatchNorm1d(8), nn.Linear(8, 3), nn.Softmax(dim=1))
        """,
    )
    invalid = (
        Invalid(
            """
            from keras import Sequential, layers
            model = Sequential([
                layers.Dense(10, use_bias=False), layers.BatchNormalization(),
                layers.Activation("softmax"),
            ])
            """,
            """
            from keras import Sequential, layers
            model = Sequential([
                layers.BatchNormalization(), layers.Dense(10), layers.Activation("softmax"),
            ])
            """,
        ),
    )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every such norm."""
        for norm in subject.graph.of_kind(Kind.NORM):
            following = subject.graph.consumers(norm)
            if norm.carries_statistics and len(following) == 1:
                details = following[0].details
                if isinstance(details, Activation) and details.name in {"softmax", "log_softmax"}:
                    yield self.finding(
                        f"{subject.describe(norm)} stands straight before {details.name}",
                        subject.made(norm),
                        layers=[norm.layer],
                        fix="move it before the last weight layer, or remove it",
                        related=[following[0].location],
                    )
