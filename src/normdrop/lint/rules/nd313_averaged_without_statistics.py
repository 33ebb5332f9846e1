"""ND313."""

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source
from normdrop.values.findings import Finding

if TYPE_CHECKING:
    from normdrop.values.severity import Severity

_PARAMETERS = frozenset({"parameters", "named_parameters"})
_BOTH = re.compile(rb"buffers|state_dict|update_bn|use_buffers|running_(?:mean|var)")
_WORTH = re.compile(rb"zip\s*\([^\n]*parameters\b|AveragedModel")
_CHANGES = frozenset({"mul_", "lerp_", "copy_", "add_", "sub_"})
_AVERAGED = "torch.optim.swa_utils.AveragedModel"
_MAKES_NORMS = re.compile(rb"BatchNorm|resnet|torchvision\.models|timm\.")


class AveragedWithoutStatistics(Rule):
    """Weights are averaged, and running statistics are not.

    ## What it does
    Finds loops over the parameters of two torch models that move the one towards the other, in a
    class or function that does nothing about buffers, and `AveragedModel` without `use_buffers` in
    a file that never calls `update_bn`. It is a note where the file shows no batch norm.

    ## Why is this bad?
    The running statistics of the averaged model stay those of the first step, or those of the last
    copy: they do not fit the averaged weights, and evaluation normalises by them.

    ## Fix safety
    Outputs of the averaged model in evaluation change: its statistics fit it.

    ## References
    - PyTorch documentation of `torch.optim.swa_utils`
    - Izmailov et al.: Averaging Weights Leads to Wider Optima, UAI 2018
    """

    words = ("parameters", "AveragedModel")
    valid = (
        """
        from torch import nn
        norm = nn.BatchNorm1d(8)
        def average(mean, model, decay):
            for kept, new in zip(mean.parameters(), model.parameters()):
                kept.data.mul_(decay).add_(new.data, alpha=1 - decay)
            for kept, new in zip(mean.buffers(), model.buffers()):
                kept.copy_(new)
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            norm = nn.BatchNorm1d(8)
            def average(mean, model, decay):
                for kept, new in zip(mean.parameters(), model.parameters()):
                    kept.data.mul_(decay).add_(new.data, alpha=1 - decay)
            """,
            """
            from torch import nn
            norm = nn.BatchNorm1d(8)
            def average(mean, model, decay):
                for kept, new in zip(mean.parameters(), model.parameters()):
                    kept.data.mul_(decay).add_(new.data, alpha=1 - decay)
                for kept, new in zip(mean.buffers(), model.buffers()):
                    kept.copy_(new)
            """,
        ),
        Invalid(
            """
            from torch import nn
            from torch.optim.swa_utils import AveragedModel
            model = nn.Sequential(nn.Linear(8, 8, bias=False), nn.BatchNorm1d(8))
            mean = AveragedModel(model)
            """,
            """
            from torch import nn
            from torch.optim.swa_utils import AveragedModel
            model = nn.Sequential(nn.Linear(8, 8, bias=False), nn.BatchNorm1d(8))
            mean = AveragedModel(model, use_buffers=True)
            """,
        ),
    )

    @classmethod
    def is_worth(cls, text: bytes) -> bool:
        """Most files with parameters average none."""
        return _WORTH.search(text) is not None

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every such loop, and every such model."""
        norms = _MAKES_NORMS.search(b"\n".join(source.lines)) is not None
        severity: Severity = "warning" if norms else "note"
        for function, owner in source.functions:
            around = owner if owner is not None else function
            for loop in ast.walk(function):
                if isinstance(loop, ast.For) and _averages(loop):
                    written = source.lines[around.lineno - 1 : around.end_lineno]
                    if _BOTH.search(b"\n".join(written)):
                        break
                    yield self.finding(
                        "parameters are averaged, and running statistics of norm layers are not",
                        source.place(loop),
                        severity=severity,
                        fix="average or copy the buffers too",
                    )
        if not any(_BOTH.search(each) for each in source.lines):
            for call in source.calls_of([_AVERAGED]):
                yield self.finding(
                    "AveragedModel averages parameters alone: its running statistics are those of "
                    "its first step",
                    source.place(call.node),
                    severity=severity,
                    fix="pass use_buffers=True, or call update_bn with dropout off",
                )


def _averages(loop: ast.For) -> bool:
    """Whether a loop goes over the parameters of two models and mixes them."""
    walked = loop.iter
    if not isinstance(walked, ast.Call) or getattr(walked.func, "id", "") != "zip":
        return False
    both = [each for each in walked.args if _is_parameters(each)]
    if len(both) != 2 or ast.unparse(both[0]) == ast.unparse(both[1]):  # noqa: PLR2004 - two models
        return False
    body = [each for node in loop.body for each in ast.walk(node)]
    changes = {
        each.func.attr
        for each in body
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute)
    } & _CHANGES
    stores = any(
        isinstance(each, ast.Attribute) and each.attr == "data" and isinstance(each.ctx, ast.Store)
        for each in body
    )
    # A plain copy brings one model up to date; a mean weighs both.
    weighs = bool(changes & {"lerp_", "mul_"}) or any(isinstance(each, ast.Mult) for each in body)
    return weighs and bool(changes or stores)


def _is_parameters(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _PARAMETERS
    )
