"""ND106."""

from collections.abc import Iterator

from normdrop.lint.rules._mend import ModelMend, SourceMend
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import MODEL_WORDS
from normdrop.shifts.graph import Activation, Graph, Kind, Node
from normdrop.values.findings import Finding


class DropoutOnLogits(Rule):
    """Dropout acts on the logits.

    ## What it does
    Finds dropout between a weight layer and a softmax, with at most shapes changed between.

    ## Why is this bad?
    A dropped logit is 0, which is no small value but an arbitrary one: the softmax gives the class
    a probability that nothing was computed for, and every loss of a batch is changed by it.

    ## Fix safety
    Moved before the last weight, the dropout regularises features; train again.

    ## References
    - Srivastava et al.: Dropout, JMLR 2014, which drops units of input and hidden layers
    """

    words = MODEL_WORDS
    source_mend = SourceMend.MOVE_EARLIER
    model_mend = ModelMend.MOVE_BEFORE_WEIGHT
    valid = (
        """
        from torch import nn
        model = nn.Sequential(
            nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3), nn.Softmax(dim=1),
        )
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
    )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every such dropout."""
        graph = subject.graph
        for noise in graph.of_kind(Kind.NOISE):
            if noise.noise is None or not noise.noise.active:
                continue
            source = graph.sources(noise)
            if source and source[0].kind is Kind.WEIGHT and _meets_softmax(graph, noise):
                yield self.finding(
                    f"{subject.describe(noise)} drops logits",
                    noise.location,
                    layers=[noise.layer, source[0].layer],
                    fix="move the dropout before the last weight layer",
                )


def _meets_softmax(graph: Graph, noise: Node) -> bool:
    following = graph.consumers(noise)
    while len(following) == 1 and following[0].kind is Kind.RESHAPE:
        following = graph.consumers(following[0])
    details = following[0].details if len(following) == 1 else None
    return isinstance(details, Activation) and details.name in {"softmax", "log_softmax"}
