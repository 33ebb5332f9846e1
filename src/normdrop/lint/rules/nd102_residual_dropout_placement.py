"""ND102."""

from collections.abc import Iterator

from normdrop.lint.rules._branches import already_blamed, branches_with_dropout, leads_to
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import MODEL_WORDS
from normdrop.shifts.graph import Kind
from normdrop.values.findings import Finding


class ResidualDropoutPlacement(Rule):
    """Dropout in a residual branch stands behind the branch's last weight.

    ## What it does
    Finds dropout between the last weight of a pre-activation residual branch and the addition.
    Dropout before a norm of the branch is ND101's.

    ## Why is this bad?
    Where the products of a weight's inputs are positively correlated, as they are behind ReLU, the
    variance that dropout adds before the weight is averaged out by it, and dropout behind it is
    not: the norms of the next blocks see a larger shift. In published runs the place before the
    last weight gave the best accuracy of eight, by 0.1 to 0.4 points over the place behind it.

    ## Fix safety
    The same units are regularised otherwise; train again.

    ## References
    - Kim, Choi, Jang, Lee, Kim: How to Use Dropout Correctly on Residual Networks with Batch
      Normalization, UAI 2023, arXiv 2302.06112, guideline 1
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
                self.conv = nn.Conv2d(8, 8, 3, padding=1, bias=False)
                self.norm = nn.BatchNorm2d(8)
                self.drop = nn.Dropout(0.2)
            def forward(self, x):
                return (x + self.drop(self.norm(self.conv(x)))).relu()
        """,
        """
        from torch import nn
        class Block(nn.Module):
            def __init__(self):
                super().__init__()
                self.norm = nn.LayerNorm(8)
                self.linear = nn.Linear(8, 8)
                self.drop = nn.Dropout(0.2)
                self.head = nn.BatchNorm1d(8)
            def forward(self, x):
                return x + self.drop(self.linear(self.norm(x)))
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
                    self.drop = nn.Dropout(0.2)
                def forward(self, x):
                    return x + self.drop(self.conv(self.norm(x).relu()))
            """,
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
        ),
    )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every such dropout that no norm is known to suffer from."""
        blamed: set[str] | None = None
        for each in branches_with_dropout(subject):
            norm, weight = each.branch.last_norm, each.branch.last_weight
            if norm is None or weight is None or not norm.carries_statistics:
                continue
            for noise in each.dropout:
                if norm.id < weight.id and leads_to(subject.graph, weight, noise, each.branch):
                    blamed = already_blamed(subject) if blamed is None else blamed
                    if noise.layer not in blamed and weight.kind is Kind.WEIGHT:
                        yield self.finding(
                            f"{subject.describe(noise)} stands behind the last weight of its "
                            f"residual branch, {subject.describe(weight)}",
                            noise.location,
                            layers=[noise.layer, weight.layer],
                            fix="move the dropout between the branch's last norm and last weight",
                            related=[weight.location],
                        )
