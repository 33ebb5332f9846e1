"""ND208."""

from collections.abc import Iterator

from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import MODEL_WORDS
from normdrop.shifts.graph import Kind, Node
from normdrop.values.findings import Finding


class SharedNorm(Rule):
    """One batch norm layer normalises several different tensors.

    ## What it does
    Finds batch norm layers with running statistics that one run of the model calls several times,
    behind different layers.

    ## Why is this bad?
    In training every call is normalised by its own batch, in evaluation all by one average that
    fits none of them. The layers in front of it may be shared as well; then the inputs are alike
    and nothing is said.

    ## Fix safety
    Separate layers have separate parameters and statistics; train again.

    ## References
    - Chang et al.: Domain-Specific Batch Normalization, CVPR 2019
    """

    words = MODEL_WORDS
    valid = (
        """
        from torch import nn
        class Siamese(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(8, 8, bias=False)
                self.norm = nn.BatchNorm1d(8)
            def forward(self, a, b):
                return self.norm(self.linear(a)), self.norm(self.linear(b))
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.first = nn.Conv2d(3, 8, 3, bias=False)
                    self.second = nn.Conv2d(8, 8, 3, bias=False)
                    self.norm = nn.BatchNorm2d(8)
                def forward(self, x):
                    x = self.norm(self.first(x)).relu()
                    return self.norm(self.second(x)).relu()
            """,
            """
            from torch import nn
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.first = nn.Conv2d(3, 8, 3, bias=False)
                    self.second = nn.Conv2d(8, 8, 3, bias=False)
                    self.norm1 = nn.BatchNorm2d(8)
                    self.norm2 = nn.BatchNorm2d(8)
                def forward(self, x):
                    x = self.norm1(self.first(x)).relu()
                    return self.norm2(self.second(x)).relu()
            """,
        ),
    )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every shared norm."""
        layers: dict[str, list[Node]] = {}
        for norm in subject.graph.of_kind(Kind.NORM):
            if norm.carries_statistics:
                layers.setdefault(norm.layer, []).append(norm)
        for layer, calls in layers.items():
            weights = [_weight_before(subject, call) for call in calls]
            if None not in weights and len(set(weights)) > 1:
                yield self.finding(
                    f"{subject.describe(calls[0])} normalises the outputs of "
                    f"{len(set(weights))} different layers",
                    subject.made(calls[0]),
                    layers=[layer],
                    fix="make one norm layer for each",
                    related=[call.location for call in calls],
                )


def _weight_before(subject: Subject, norm: Node) -> str | None:
    """The weight layer a norm directly follows."""
    sources = subject.graph.sources(norm)
    is_weight = len(sources) == 1 and sources[0].kind is Kind.WEIGHT
    return sources[0].layer if is_weight else None
