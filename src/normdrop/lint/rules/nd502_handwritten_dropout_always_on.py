"""ND502."""

from collections.abc import Iterator

from normdrop.lint.rules._handwritten import handwritten, may_define_noise
from normdrop.lint.rules._mend import SourceMend
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source
from normdrop.values.findings import Finding


class HandwrittenDropoutAlwaysOn(Rule):
    """A dropout layer written by hand never asks whether it is training.

    ## What it does
    Finds torch modules and Keras layers, whatever they are called, that multiply their input by
    a random mask, or by one plus noise, and ask for no mode before. Functions that layers of
    the file call are followed.

    ## Why is this bad?
    `model.eval()` does not switch the layer off: predictions stay random.

    ## Fix safety
    Outputs in evaluation mode change: they are no longer random.

    ## References
    - pytorch/pytorch issue 26338
    """

    words = ("forward", "call(")
    severity = "error"
    source_mend = SourceMend.ASK_FOR_MODE
    valid = (
        """
        import torch
        from torch import nn
        class MyDropout(nn.Module):
            def forward(self, x):
                if not self.training:
                    return x
                return x * torch.bernoulli(torch.full_like(x, 0.5)) / 0.5
        """,
    )
    invalid = (
        Invalid(
            """
            import torch
            from torch import nn
            class MyDropout(nn.Module):
                def forward(self, x):
                    return x * torch.bernoulli(torch.full_like(x, 0.5)) / 0.5
            """,
            """
            import torch
            from torch import nn
            class MyDropout(nn.Module):
                def forward(self, x):
                    if not self.training:
                        return x
                    return x * torch.bernoulli(torch.full_like(x, 0.5)) / 0.5
            """,
        ),
    )

    @classmethod
    def is_worth(cls, text: bytes) -> bool:
        """Most modules are no noise layers."""
        return may_define_noise(text)

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every such class or function."""
        for noise in handwritten(source):
            if noise.always:
                yield self.finding(
                    f"{noise.name} draws noise in evaluation mode too",
                    source.place(noise.place),
                    fix="return the input as it is unless self.training",
                    related=[source.place(noise.draw)],
                )
