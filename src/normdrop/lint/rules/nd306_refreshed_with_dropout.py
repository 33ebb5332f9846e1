"""ND306."""

from collections.abc import Iterator

from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source
from normdrop.values.findings import Finding


class RefreshedWithDropout(Rule):
    """Running statistics are re-estimated while dropout is on.

    ## What it does
    Finds calls of `torch.optim.swa_utils.update_bn` in files that make dropout layers.

    ## Why is this bad?
    `update_bn` puts the whole model into train mode, so the statistics it stores are those of noisy
    activations. Behind dropout of rate 0.5 the stored variance is two to three times what
    evaluation sees. It also overwrites frozen norm layers and leaves them in train mode.

    ## Fix safety
    Outputs in evaluation change: the statistics fit them.

    ## References
    - PyTorch documentation of `torch.optim.swa_utils.update_bn`
    - Hendrycks, Gimpel: Adjusting for Dropout Variance, 2016
    """

    words = ("Dropout",)
    valid = (
        """
        from torch import nn
        from torch.optim.swa_utils import update_bn
        model = nn.Sequential(nn.Linear(8, 8, bias=False), nn.BatchNorm1d(8))
        update_bn(batches, model)
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            from torch.optim.swa_utils import update_bn
            model = nn.Sequential(nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
            update_bn(batches, model)
            """,
            """
            from torch import nn
            model = nn.Sequential(nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
            model.eval()
            model[0].train()
            for batch in batches:
                model(batch)
            model[0].eval()
            """,
        ),
    )

    @classmethod
    def is_worth(cls, text: bytes) -> bool:
        """Most files with dropout re-estimate nothing."""
        return b"update_bn" in text

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every call."""
        refreshed = source.calls_of(["torch.optim.swa_utils.update_bn"])
        drops = refreshed and any(
            call.name.startswith("torch.nn.") and "Dropout" in call.name for call in source.calls
        )
        for call in refreshed if drops else ():
            yield self.finding(
                "update_bn runs the model in train mode, with its dropout on",
                source.place(call.node),
                fix="re-estimate them with only the norm layers in train mode",
            )
