"""ND503."""

import ast
from collections.abc import Iterator

from normdrop.lint.rules._handwritten import draws, may_define_noise, noise_modules
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source
from normdrop.values.findings import Finding

_SCALES = {"div", "div_", "true_divide", "reciprocal", "scale", "dropout"}


class HandwrittenDropoutUnscaled(Rule):
    """A dropout layer written by hand does not rescale what it keeps.

    ## What it does
    Finds torch modules with "drop" in their name that multiply by a Bernoulli mask in `forward` and
    nowhere divide by anything.

    ## Why is this bad?
    Without the factor 1 / (1 − rate) the mean in training is 1 − rate times that in evaluation.
    Every layer behind it sees another scale, and a norm layer remembers the smaller one.

    ## Fix safety
    What the model computes in training changes; train again.

    ## References
    - Srivastava et al.: Dropout, JMLR 2014, section 10
    """

    words = ("forward",)
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
        """One finding for every such class."""
        for owner, forward in noise_modules(source):
            inside = list(ast.walk(owner))
            divides = any(isinstance(node, ast.Div | ast.Pow) for node in inside)
            divides |= any(getattr(node, "attr", "") in _SCALES for node in inside)
            divides |= any("scale" in getattr(node, "id", "") for node in inside)
            multiplies = any(isinstance(node, ast.Mult) for node in ast.walk(forward))
            if multiplies and not divides and "bernoulli" in draws(forward):
                yield self.finding(
                    f"{owner.name} does not rescale what it keeps",
                    source.place(forward),
                    fix="divide by the probability of being kept",
                )
