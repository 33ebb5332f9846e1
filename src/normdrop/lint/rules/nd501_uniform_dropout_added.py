"""ND501."""

import ast
from collections.abc import Iterator

from normdrop.lint.rules._handwritten import may_define_noise, noise_modules, random_calls
from normdrop.lint.rules._mend import SourceMend
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source
from normdrop.values.findings import Finding

_UNIFORM = {"rand", "rand_like", "uniform"}


class UniformDropoutAdded(Rule):
    """A uniform dropout layer written by hand adds its noise.

    ## What it does
    Finds torch modules called "uout", or "uniform" and "drop", whose `forward` draws uniform
    numbers, adds something to its input and multiplies it by nothing.

    ## Why is this bad?
    Uniform dropout multiplies: x · (1 + r) with r uniform in [−β, β]. Its variance then follows the
    size of each unit, and its shift is at most 3 / (3 + β²). Added noise drowns small units and
    does nothing to large ones.

    ## Fix safety
    What the model computes in training changes; train again.

    ## References
    - Li, Chen, Hu, Yang: Understanding the Disharmony between Dropout and Batch Normalization by
      Variance Shift, CVPR 2019, section on Uout
    """

    words = ("forward",)
    source_mend = SourceMend.MULTIPLY_NOISE
    valid = (
        """
        import torch
        from torch import nn
        class Uout(nn.Module):
            def forward(self, x):
                if not self.training:
                    return x
                return x + x * (0.2 * torch.rand_like(x) - 0.1)
        """,
    )
    invalid = (
        Invalid(
            """
            import torch
            from torch import nn
            class Uout(nn.Module):
                def forward(self, x):
                    if not self.training:
                        return x
                    return x + (0.2 * torch.rand_like(x) - 0.1)
            """,
            """
            import torch
            from torch import nn
            class Uout(nn.Module):
                def forward(self, x):
                    if not self.training:
                        return x
                    return x * (1 + 0.2 * torch.rand_like(x) - 0.1)
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
            name = owner.name.lower()
            named = "uout" in name or "uniform" in name
            if named and random_calls(forward) & _UNIFORM and _only_adds(forward):
                yield self.finding(
                    f"{owner.name} adds uniform noise to its input",
                    source.place(forward),
                    fix="multiply the input by 1 + r",
                )


def _only_adds(forward: ast.FunctionDef) -> bool:
    """Whether the input is a term of a sum and a factor of no product."""
    names = [each.arg for each in forward.args.args[1:2]]
    signs = {
        type(node.op)
        for node in ast.walk(forward)
        if isinstance(node, ast.BinOp)
        for side in (node.left, node.right)
        if isinstance(side, ast.Name) and side.id in names
    }
    methods = {
        node.func.attr
        for node in ast.walk(forward)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    return ast.Add in signs and ast.Mult not in signs and not methods & {"mul", "mul_", "addcmul"}
