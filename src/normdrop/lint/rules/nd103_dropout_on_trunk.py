"""ND103."""

from collections.abc import Iterator

from normdrop.lint.rules._branches import branches_with_dropout, on_trunk
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import MODEL_WORDS
from normdrop.values.findings import Finding


class DropoutOnTrunk(Rule):
    """Dropout acts on the trunk of a residual network.

    ## What it does
    Finds dropout on a shortcut, or straight before the place where a residual branch with batch
    norm and its shortcut part.

    ## Why is this bad?
    No way through the block is free of noise any more, and the noise of all blocks adds up on the
    trunk. It is the worst of eight published places: at rate 0.2, PreResNet-50 fell from 93.7 % to
    84.3 % on CIFAR-10 and from 71.4 % to 52.6 % on CIFAR-100, PreResNet-110 from 73.5 % to 18.4 %.

    ## Fix safety
    Outputs of the trained model in evaluation stay the same; train again.

    ## References
    - Kim, Choi, Jang, Lee, Kim: How to Use Dropout Correctly on Residual Networks with Batch
      Normalization, UAI 2023, arXiv 2302.06112, position P0 of tables 2 and 3
    """

    words = MODEL_WORDS
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
                self.linear = nn.Linear(8, 8)
                self.drop = nn.Dropout(0.2)
                self.other = nn.BatchNorm1d(8)
            def forward(self, x):
                x = self.drop(x)
                return x + self.linear(self.norm(x))
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
                    x = self.drop(x)
                    return x + self.conv(self.norm(x).relu())
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
        Invalid(
            """
            from keras import Input, Model, layers
            inputs = Input((32, 32, 8))
            x = layers.BatchNormalization()(inputs)
            x = layers.Activation("relu")(x)
            x = layers.Conv2D(8, 3, padding="same")(x)
            shortcut = layers.Dropout(0.2)(inputs)
            outputs = layers.add([x, shortcut])
            model = Model(inputs, outputs)
            """,
            """
            from keras import Input, Model, layers
            inputs = Input((32, 32, 8))
            x = layers.BatchNormalization()(inputs)
            x = layers.Activation("relu")(x)
            x = layers.Dropout(0.2)(x)
            x = layers.Conv2D(8, 3, padding="same")(x)
            outputs = layers.add([x, inputs])
            model = Model(inputs, outputs)
            """,
        ),
    )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every such dropout, however many blocks follow it."""
        seen: set[str] = set()
        for each in branches_with_dropout(subject):
            for noise in on_trunk(subject.graph, each.branch):
                if noise.layer not in seen:
                    seen.add(noise.layer)
                    yield self.finding(
                        f"{subject.describe(noise)} acts on the trunk of a residual block, "
                        "so that no way through it is free of noise",
                        noise.location,
                        layers=[noise.layer],
                        fix="move the dropout into the branch, between its last norm and last "
                        "weight",
                        related=[each.branch.add.location],
                    )
