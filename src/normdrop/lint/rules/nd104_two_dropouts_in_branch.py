"""ND104."""

from collections.abc import Iterator

from normdrop.lint.rules._branches import branches_with_dropout, leads_to
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import MODEL_WORDS
from normdrop.values.findings import Finding


class TwoDropoutsInBranch(Rule):
    """A residual branch has more than one dropout.

    ## What it does
    Finds residual branches with batch norm on which several dropout layers stand behind the last
    norm. Dropout before a norm of the branch is ND101's.

    ## Why is this bad?
    Their rates add up where nobody reads them together, and only one of them can stand in the place
    that disturbs no norm of the branch. Published runs with dropout at two places did worse than
    with one.

    ## Fix safety
    Outputs of the trained model in evaluation stay the same; train again.

    ## References
    - Kim, Choi, Jang, Lee, Kim: How to Use Dropout Correctly on Residual Networks with Batch
      Normalization, UAI 2023, arXiv 2302.06112
    """

    words = MODEL_WORDS
    severity = "note"
    valid = (
        """
        from torch import nn
        class Block(nn.Module):
            def __init__(self):
                super().__init__()
                self.norm = nn.BatchNorm2d(8)
                self.conv = nn.Conv2d(8, 8, 3, padding=1)
                self.drop = nn.Dropout(0.2)
            def forward(self, x):
                return x + self.conv(self.drop(self.norm(x).relu()))
        """,
        """
        from torch import nn
        class Block(nn.Module):
            def __init__(self):
                super().__init__()
                self.norm = nn.LayerNorm(8)
                self.first = nn.Linear(8, 8)
                self.second = nn.Linear(8, 8)
                self.drop = nn.Dropout(0.2)
                self.other = nn.BatchNorm1d(8)
            def forward(self, x):
                return x + self.drop(self.second(self.drop(self.first(self.norm(x)).relu())))
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            class Block(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.norm = nn.BatchNorm2d(8)
                    self.conv = nn.Conv2d(8, 8, 3, padding=1)
                    self.drop1 = nn.Dropout(0.2)
                    self.drop2 = nn.Dropout(0.2)
                def forward(self, x):
                    return x + self.drop2(self.conv(self.drop1(self.norm(x).relu())))
            """,
            """
            from torch import nn
            class Block(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.norm = nn.BatchNorm2d(8)
                    self.conv = nn.Conv2d(8, 8, 3, padding=1)
                    self.drop1 = nn.Dropout(0.2)
                def forward(self, x):
                    return x + self.conv(self.drop1(self.norm(x).relu()))
            """,
        ),
    )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every branch, at its second dropout."""
        for each in branches_with_dropout(subject):
            norm = each.branch.last_norm
            behind = [
                node
                for node in each.dropout
                if norm is not None and not leads_to(subject.graph, node, norm, each.branch)
            ]
            layers = list({node.layer: node for node in behind}.values())
            if len(layers) > 1:
                first, second = layers[:2]
                yield self.finding(
                    f"{subject.describe(second)} is dropout number 2 of its residual branch, "
                    f"after {subject.describe(first)}",
                    second.location,
                    layers=[node.layer for node in (second, first, *layers[2:])],
                    fix="keep one dropout, between the branch's last norm and last weight",
                    related=[first.location],
                )
