"""Measuring the shift at every batch norm, slowly and plainly."""

from collections.abc import Callable
from contextlib import ExitStack

import pytest
import torch
from torch import Tensor, nn

Shifts = Callable[[nn.Module, Tensor], dict[str, float]]


def _inputs_of_norms(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """What one forward pass feeds every batch norm, channels last and flattened."""
    inputs: dict[str, Tensor] = {}
    with ExitStack() as hooks:
        for name, module in model.named_modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 - their base

                def keep(_: nn.Module, args: tuple[Tensor], name: str = name) -> None:
                    inputs[name] = args[0].detach().movedim(1, -1).flatten(0, -2)

                hooks.callback(module.register_forward_pre_hook(keep).remove)
        with torch.no_grad():
            model(x)
    return inputs


def _shifts(model: nn.Module, x: Tensor) -> dict[str, float]:
    """Eval variance / train variance at every batch norm, both biased, averaged over channels."""
    train = _inputs_of_norms(model.train(), x)
    for name, values in train.items():
        norm = model.get_submodule(name)
        assert isinstance(norm, nn.modules.batchnorm._BatchNorm)  # noqa: SLF001 - their base
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.copy_(values.mean(0))
        norm.running_var.copy_(values.var(0, correction=0))
    evaluated = _inputs_of_norms(model.eval(), x)
    return {
        name: (
            evaluated[name].var(0, correction=0).mean() / train[name].var(0, correction=0).mean()
        ).item()
        for name in train
    }


@pytest.fixture(scope="session")
def shifts() -> Shifts:
    """Eval variance / train variance at every batch norm of a model, by its path."""
    return _shifts
