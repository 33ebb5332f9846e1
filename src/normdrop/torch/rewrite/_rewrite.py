"""A model mended as far as that is safe."""

import copy
from collections.abc import Sequence

import torch
from torch import nn

from normdrop.errors import UsageError
from normdrop.lint.rules import Rule
from normdrop.mending.repairs import Fix, Request, repair
from normdrop.torch._values import need_values
from normdrop.torch.rewrite._editor import TorchEditor
from normdrop.torch.rewrite._journal import ModuleJournal


def rewrite(
    model: nn.Module,
    example: object,
    rules: Sequence[Rule],
    request: Request | None = None,
    *,
    notes: bool = False,
    in_place: bool = False,
) -> Fix[nn.Module]:
    """Mend what can be mended without changing what the model computes in eval mode.

    Args:
        model: Any module.
        example: What the model takes; see `capture`.
        rules: The rules whose findings are mended.
        request: What the user asks for.
        notes: Whether notes are mended too, and not only errors and warnings.
        in_place: Whether to change the model itself, as a whole or not at all.

    Raises:
        CaptureError: The model raised; the message names the module.
        UsageError: The model cannot be changed or copied, or a request names no layer.
    """
    _refuse_sealed(model)
    work = model if in_place else _copied(model)
    with ModuleJournal() as journal:
        editor = TorchEditor(work, example, rules, journal)
        return repair(editor, request or Request(), notes=notes).of(work)


def _refuse_sealed(model: nn.Module) -> None:
    """Refuse models whose calls are fixed, and those without values."""
    if isinstance(model, torch.jit.ScriptModule):
        raise UsageError(
            "fix: a scripted module cannot be changed: fix the module it was scripted from, and "
            "script it again"
        )
    if isinstance(getattr(model, "_orig_mod", None), nn.Module):
        raise UsageError(
            "fix: a compiled module cannot be changed: fix the module it was compiled from, "
            "model._orig_mod, and compile it again"
        )
    need_values(model)


def _copied(model: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(model)
    except Exception as error:
        raise UsageError(
            f"fix: {type(model).__name__} cannot be copied ({type(error).__name__}: {error}): pass "
            "in_place=True to change the model itself"
        ) from error
