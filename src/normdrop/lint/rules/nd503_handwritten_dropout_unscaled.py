"""ND503."""

from collections.abc import Iterator

from normdrop.lint.rules._handwritten import handwritten, may_define_noise
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source
from normdrop.values.findings import Finding


class HandwrittenDropoutUnscaled(Rule):
    """A dropout layer written by hand does not rescale what it keeps.

    ## What it does
    Finds torch modules and Keras layers, whatever they are called, that multiply their input by
    a random mask of zeros and ones and scale neither what they keep nor what they return in
    evaluation. Functions that layers of the file call are followed.

    ## Why is this bad?
    Without the factor 1 / (1 − rate) the mean in training is 1 − rate times that in evaluation.
    Every layer behind it sees another scale, and a norm layer remembers the smaller one.

    ## Fix safety
    What the model computes in training changes; train again.

    ## References
    - Srivastava et al.: Dropout, JMLR 2014, section 10
    """

    words = ("forward", "call(")
    valid = (
        """
        import torch
        from torch import nn
        class MyDropout(nn.Module):
            def forward(self, x):
                if not self.training:
                    return x
                return x * torch.bernoulli(torch.full_like(x, 0.8)) / 0.8
        """,
    )
    invalid = (
        Invalid(
            """
            import torch
            from torch import nn
            class MyDropout(nn.Module):
                def forward(self, x):
                    if not self.training:
                        return x
                    return x * torch.bernoulli(torch.full_like(x, 0.8))
            """,
            """
            import torch
            from torch import nn
            class MyDropout(nn.Module):
                def forward(self, x):
                    if not self.training:
                        return x
                    return x * torch.bernoulli(torch.full_like(x, 0.8)) / 0.8
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
            if noise.drops and not noise.scaled:
                yield self.finding(
                    f"{noise.name} does not rescale what it keeps",
                    source.place(noise.place),
                    fix="divide by the probability of being kept",
                    related=[source.place(noise.draw)],
                )
