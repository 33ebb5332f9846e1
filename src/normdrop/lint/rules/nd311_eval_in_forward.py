"""ND311."""

import ast
from collections.abc import Iterator

from normdrop.lint.rules._guards import is_guarded
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source
from normdrop.values.findings import Finding


class EvalInForward(Rule):
    """A module puts itself into eval mode when it is called.

    ## What it does
    Finds `self.eval()` in the `forward` of a torch module where no mode is asked for and no
    `train(…)` puts the module back. For a part of the module, `self.norm.eval()`, it is a note:
    that is one way to keep the part frozen.

    ## Why is this bad?
    The mode belongs to whoever trains. The first call leaves the module in eval mode: from then on
    dropout is off in training, and running statistics stay as they are.

    ## Fix safety
    Training changes: dropout stays on, and running statistics follow the weights.

    ## References
    - PyTorch documentation of `torch.nn.Module.eval`
    """

    words = (".eval",)
    valid = (
        """
        from torch import nn
        class Net(nn.Module):
            def forward(self, x):
                before = self.training
                self.eval()
                y = self.layers(x)
                self.train(before)
                return y
        """,
        """
        from torch import nn
        class Net(nn.Module):
            def predict(self, x):
                self.eval()
                return self(x)
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.layers = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))
                def forward(self, x):
                    self.eval()
                    return self.layers(x)
            """,
            """
            from torch import nn
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.layers = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))
                def forward(self, x):
                    return self.layers(x)
            """,
        ),
    )

    @classmethod
    def is_worth(cls, text: bytes) -> bool:
        """Most files that put a model into eval mode define none."""
        return b"def forward" in text and b"self" in text

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every such call."""
        for call in source.calls:
            called = call.node.func
            if (
                not isinstance(called, ast.Attribute)
                or called.attr != "eval"
                or call.node.args
                or call.owner is None
                or call.function is None
                or call.function.name != "forward"
            ):
                continue
            module = ast.unparse(called.value)
            if module.partition(".")[0] != "self" or is_guarded(source, call.node):
                continue
            if any(_puts_back(each, module) for each in ast.walk(call.function)):
                continue
            yield self.finding(
                f"`{module}.eval()` in forward switches dropout and norm layers off for good",
                source.place(call.node),
                severity="warning" if module == "self" else "note",
                fix="leave the mode to who calls train() and eval()",
            )


def _puts_back(node: ast.AST, module: str) -> bool:
    """Whether a call puts a module into another mode again."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "train"
        and ast.unparse(node.func.value) == module
    )
