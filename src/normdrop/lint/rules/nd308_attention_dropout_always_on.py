"""ND308."""

import ast
from collections.abc import Iterator

from normdrop.lint.rules._guards import is_reached_always, is_wanted
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source
from normdrop.values.findings import Finding
from normdrop.values.operations import ATTENTIONS

_FUNCTIONS = {each.address: each for each in ATTENTIONS if "training" not in each.arguments}


class AttentionDropoutAlwaysOn(Rule):
    """Attention drops some of its weights in evaluation mode too.

    ## What it does
    Finds calls of `F.scaled_dot_product_attention` whose `dropout_p` does not ask whether the model
    is training, in methods and in functions that methods of the file call.

    ## Why is this bad?
    The function knows no mode: it drops at the rate it is given. `model.eval()` does not switch
    that off, and predictions stay random.

    ## Fix safety
    Outputs in evaluation mode change: they are no longer random.

    ## References
    - PyTorch documentation of `torch.nn.functional.scaled_dot_product_attention`: dropout is
      applied whatever the mode of the module that calls it
    """

    words = tuple(each.name for each in _FUNCTIONS.values())
    severity = "error"
    valid = (
        """
        import torch.nn.functional as F
        from torch import nn
        class Attention(nn.Module):
            def forward(self, q, k, v):
                rate = self.rate if self.training else 0.0
                return F.scaled_dot_product_attention(q, k, v, dropout_p=rate)
        """,
        """
        import torch.nn.functional as F
        from torch import nn
        class Attention(nn.Module):
            def forward(self, q, k, v):
                return F.scaled_dot_product_attention(q, k, v, dropout_p=0.0)
        """,
        """
        import torch.nn.functional as F
        def attend(q, k, v, dropout_p):
            return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout_p)
        class Attention:
            def forward(self, q, k, v):
                return attend(q, k, v, self.training * self.rate)
        """,
    )
    invalid = (
        Invalid(
            """
            import torch.nn.functional as F
            from torch import nn
            class Attention(nn.Module):
                def __init__(self, rate=0.1):
                    super().__init__()
                    self.rate = rate
                def forward(self, q, k, v):
                    return F.scaled_dot_product_attention(q, k, v, dropout_p=self.rate)
            """,
            """
            import torch.nn.functional as F
            from torch import nn
            class Attention(nn.Module):
                def __init__(self, rate=0.1):
                    super().__init__()
                    self.rate = rate
                def forward(self, q, k, v):
                    rate = self.rate if self.training else 0.0
                    return F.scaled_dot_product_attention(q, k, v, dropout_p=rate)
            """,
        ),
    )

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every such call."""
        for call in source.calls_of(_FUNCTIONS):
            rate = call.argument("dropout_p", _FUNCTIONS[call.name].arguments.index("dropout_p"))
            if rate is None or is_wanted(source, call.node):
                continue
            if is_reached_always(source, call, rate):
                yield self.finding(
                    f"dropout_p={ast.unparse(rate)} drops attention weights in evaluation mode too",
                    source.place(call.node),
                    fix="pass dropout_p=… if self.training else 0.0",
                    related=[source.place(rate)],
                )
