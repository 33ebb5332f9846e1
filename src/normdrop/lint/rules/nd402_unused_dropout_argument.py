"""ND402."""

import ast
import re
from collections.abc import Iterator

from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source
from normdrop.values.findings import Finding

_LIBRARIES = ("torch.nn.", "keras.")
_NAMES = frozenset({"drop_rate", "drop_prob", "p_drop"})
_RATES = [b"dropout", *(name.encode() for name in sorted(_NAMES))]
# `def`, lines that do not end its parameters, and a rate. A line with a comment is not taken for
# the end, for a comment may look like one.
_DEFINED = re.compile(
    rb"def\s+[^\s(\[]+\s*[(\[](?:(?![^#\n]*\)[^\n()#]*:[ \t\r]*(?:#[^\n]*)?\n)[^\n]*\n)*?[^\n]*?"
    rb"(?:dropout|drop_rate|drop_prob|p_drop)"
)


class UnusedDropoutArgument(Rule):
    """A dropout rate is accepted and never used.

    ## What it does
    Finds parameters such as `dropout` or `drop_rate` of the constructor of a module, or of a
    function that makes layers, that nothing in its body reads.

    ## Why is this bad?
    Whoever sets the rate believes that the model is regularised. No error tells them otherwise.

    ## Fix safety
    A dropout layer that is put in changes what the model computes in training.

    ## References
    - Project-MONAI/MONAI issue 4844, huggingface/pytorch-image-models issue 1726
    """

    words = ("drop",)
    valid = (
        """
        from torch import nn
        class Net(nn.Module):
            def __init__(self, dropout):
                super().__init__()
                self.drop = nn.Dropout(dropout)
        """,
        """
        from torch import nn
        class Net(nn.Module):
            def __init__(self, dropout):
                super().__init__()
                self.settings = locals()
        """,
        """
        from torch import nn
        class Base(nn.Module):
            def __init__(self, dropout):
                raise NotImplementedError
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            class Net(nn.Module):
                def __init__(self, width, dropout=0.5):
                    super().__init__()
                    self.linear = nn.Linear(width, width)
                    self.drop = nn.Identity()
                def forward(self, x):
                    return self.drop(self.linear(x))
            """,
            """
            from torch import nn
            class Net(nn.Module):
                def __init__(self, width, dropout=0.5):
                    super().__init__()
                    self.linear = nn.Linear(width, width)
                    self.drop = nn.Dropout(dropout)
                def forward(self, x):
                    return self.drop(self.linear(x))
            """,
        ),
        Invalid(
            """
            from keras import layers
            def block(x, width, dropout_rate):
                return layers.Dense(width)(x)
            """,
            """
            from keras import layers
            def block(x, width, dropout_rate):
                return layers.Dropout(dropout_rate)(layers.Dense(width)(x))
            """,
        ),
    )

    @classmethod
    def is_worth(cls, text: bytes) -> bool:
        """Many files pass a rate on; few take one as a parameter."""
        return any(name in text for name in _RATES) and _DEFINED.search(text) is not None

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every parameter, in functions that make layers."""
        making = {id(call.function) for call in source.calls if call.name.startswith(_LIBRARIES)}
        for function, owner in source.functions:
            if id(function) not in making or (owner is not None and function.name != "__init__"):
                continue
            rates = [each for each in _parameters(function) if _is_rate(each.arg)]
            if not rates:
                continue
            read = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
            if "locals" in read or "vars" in read or function.decorator_list:
                continue
            for parameter in rates:
                if parameter.arg not in read:
                    yield self.finding(
                        f"{function.name} accepts {parameter.arg} and never uses it",
                        source.place(parameter),
                        fix="apply dropout with it, or do not accept it",
                    )


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    given = function.args
    return [*given.posonlyargs, *given.args, *given.kwonlyargs]


def _is_rate(name: str) -> bool:
    return "dropout" in name or name in _NAMES
