"""A torch model under repair: a copy or the model itself."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from normdrop.errors import UsageError
from normdrop.lint.rules import ModelMend, Rule
from normdrop.torch.rewrite._editor import TorchEditor
from normdrop.torch.rewrite._journal import ModuleJournal


class Editing:
    """A module under repair; see `normdrop.verbs`."""

    leave: frozenset[ModelMend] = frozenset()

    def __init__(self, editor: TorchEditor) -> None:
        self.editor = editor

    def result(self) -> nn.Module:
        """The mended module."""
        return self.editor.model


@contextmanager
def editing(
    model: nn.Module, example: object, rules: Sequence[Rule], *, in_place: bool
) -> Iterator[Editing]:
    """Change a module without changing what it computes in eval mode.

    Args:
        model: Any module.
        example: What the model takes; see `capture`.
        rules: The rules whose findings are mended.
        in_place: Whether to change the model itself, as a whole or not at all.

    Raises:
        CaptureError: The model raised; the message names the module.
        UsageError: The model cannot be changed or copied.
    """
    work = model if in_place else _copied(model)
    with ModuleJournal() as journal:
        yield Editing(TorchEditor(work, example, rules, journal))


def refuse_sealed(model: nn.Module) -> None:
    """Refuse models whose calls are fixed.

    Raises:
        UsageError: It is one.
    """
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


def _copied(model: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(model)
    except Exception as error:
        raise UsageError(
            f"fix: {type(model).__name__} cannot be copied ({type(error).__name__}: {error}): pass "
            "in_place=True to change the model itself"
        ) from error
