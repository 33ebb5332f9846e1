"""ND202."""

from collections.abc import Iterator

from normdrop.lint.rules._mend import SourceMend
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import MODEL_WORDS
from normdrop.shifts.graph import Graph, Kind, Node
from normdrop.values.findings import Finding


class MissingBias(Rule):
    """A bias is left out although no norm follows the weight.

    ## What it does
    Finds weights written with `bias=False` that take the output of a norm, directly or through
    activations, while what follows them goes through an activation to the next weight or to the
    end, with no norm on the way.

    ## Why is this bad?
    `bias=False` belongs to the order weight–norm, where the norm's β takes the bias' part. In the
    order norm–activation–weight nothing replaces it, and the layer's outputs cannot move away from
    zero before their nonlinearity.

    ## Fix safety
    A new bias starts at zero, so outputs stay the same until it is trained.

    ## References
    - open-mmlab/mmcv, whose `ConvModule(bias="auto")` leaves the bias out in either order
    """

    words = MODEL_WORDS
    severity = "note"
    source_mend = SourceMend.LEAVE_OUT_ARGUMENT
    valid = (
        """
        from torch import nn
        model = nn.Sequential(
            nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, bias=False), nn.BatchNorm2d(8),
            nn.ReLU(),
        )
        """,
        """
        from torch import nn
        def block(x):
            y = nn.Conv2d(8, 8, 3, bias=False)(nn.BatchNorm2d(8)(x))
            return x + y
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            model = nn.Sequential(
                nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3, bias=False), nn.ReLU(), nn.Conv2d(8, 4, 3),
            )
            """,
            """
            from torch import nn
            model = nn.Sequential(
                nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3),
            )
            """,
        ),
    )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every weight, in source that says so."""
        for weight in subject.graph.of_kind(Kind.WEIGHT):
            part = subject.part(weight)
            if part is None or part.bias or not part.bias_stated:
                continue
            if _after_norm(subject.graph, weight) and _meets_weight(subject.graph, weight):
                keyword = "use_bias" if subject.is_keras(weight) else "bias"
                yield self.finding(
                    f"{subject.describe(weight)} has no bias, and no norm after it adds one",
                    subject.made(weight),
                    layers=[weight.layer],
                    fix=f"leave out {keyword}=False",
                    changes_outputs=False,
                )


def _after_norm(graph: Graph, weight: Node) -> bool:
    """Whether a norm stands before it, with at most activations between."""
    before = graph.sources(weight)
    while len(before) == 1 and before[0].kind is Kind.ACTIVATION:
        before = graph.sources(before[0])
    return len(before) == 1 and before[0].kind is Kind.NORM


def _meets_weight(graph: Graph, weight: Node) -> bool:
    """Whether its output goes through one activation, and pools, straight into another weight."""
    activated = False
    following = graph.consumers(weight)
    while len(following) == 1 and following[0].kind in {Kind.ACTIVATION, Kind.POOL, Kind.NOISE}:
        activated |= following[0].kind is Kind.ACTIVATION
        following = graph.consumers(following[0])
    return activated and len(following) == 1 and following[0].kind is Kind.WEIGHT
