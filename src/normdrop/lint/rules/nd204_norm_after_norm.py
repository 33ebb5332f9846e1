"""ND204."""

from collections.abc import Iterator

from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import MODEL_WORDS
from normdrop.shifts.graph import Kind, Node
from normdrop.values.findings import Finding


class NormAfterNorm(Rule):
    """A batch norm layer directly follows another.

    ## What it does
    Finds batch norm layers whose only input is the output of another batch norm layer that feeds
    nothing else.

    ## Why is this bad?
    The second layer undoes γ and β of the first, channel by channel. It costs time and memory and
    computes nothing new.

    ## Fix safety
    With the first layer removed the outputs in training stay the same but for ε.

    ## References
    - Ioffe, Szegedy: Batch Normalization, 2015
    """

    words = MODEL_WORDS
    valid = (
        """
        from torch import nn
        model = nn.Sequential(nn.BatchNorm1d(8), nn.ReLU(), nn.BatchNorm1d(8))
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            model = nn.Sequential(nn.BatchNorm2d(8), nn.BatchNorm2d(8), nn.ReLU())
            """,
            """
            from torch import nn
            model = nn.Sequential(nn.BatchNorm2d(8), nn.ReLU())
            """,
        ),
    )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every second norm."""
        for norm in subject.graph.of_kind(Kind.NORM):
            sources = subject.graph.sources(norm)
            if len(sources) == 1 and _is_batch(norm) and _is_batch(sources[0]):
                first = sources[0]
                if subject.graph.consumers(first) == (norm,) and first.layer != norm.layer:
                    yield self.finding(
                        f"{subject.describe(norm)} undoes {subject.describe(first)}",
                        subject.made(norm),
                        layers=[norm.layer, first.layer],
                        fix="remove one of the two",
                        related=[subject.made(first)],
                    )


def _is_batch(node: Node) -> bool:
    return node.norm is not None and node.norm.family == "batch"
