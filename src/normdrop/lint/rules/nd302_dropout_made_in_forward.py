"""ND302."""

from collections.abc import Iterator

from normdrop.lint.rules._mend import SourceMend
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source
from normdrop.values.findings import Finding
from normdrop.values.operations import NOISES

_LAYERS = {f"torch.nn.{name}" for noise in NOISES for name in noise.modules}


class DropoutMadeInForward(Rule):
    """A dropout module is made inside forward.

    ## What it does
    Finds torch dropout modules that are made and called in one expression inside `forward`. In a
    captured model such a layer shows as one that stays on, ND301.

    ## Why is this bad?
    A module that is not registered never hears of `model.eval()`: it is made in train mode and
    drops units in every prediction.

    ## Fix safety
    Outputs in evaluation mode change: they are no longer random.

    ## References
    - yangze0930/NTS-Net issue 14
    """

    words = ("Dropout",)
    severity = "error"
    source_mend = SourceMend.MAKE_IN_CONSTRUCTOR
    valid = (
        """
        from torch import nn
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.drop = nn.Dropout(0.5)
            def forward(self, x):
                return self.drop(x)
        """,
        """
        from torch import nn
        class Net(nn.Module):
            def forward(self, x):
                drop = nn.Dropout(0.5).train(self.training)
                return drop(x)
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            class Net(nn.Module):
                def forward(self, x):
                    return nn.Dropout(0.5)(x)
            """,
            """
            from torch import nn
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.drop = nn.Dropout(0.5)
                def forward(self, x):
                    return self.drop(x)
            """,
        ),
    )

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every module that is made and called at once."""
        made = {id(call.node): call for call in source.calls_of(_LAYERS)}
        for call in source.calls if made else ():
            layer = made.get(id(call.node.func))
            if layer is None or call.owner is None or call.function is None:
                continue
            if call.function.name == "forward":
                name = layer.name.rpartition(".")[2]
                yield self.finding(
                    f"{name} made in forward is always in train mode and stays on in evaluation",
                    source.place(layer.node),
                    fix=f"make self.drop = nn.{name}(…) in __init__ and call it here",
                )
