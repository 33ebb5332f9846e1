"""A model inside its wrappers, left exactly as it was, whatever happens to it in between."""

import copy
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel
from torch.nn.parameter import is_lazy

from normdrop.errors import CaptureError, UsageError

_REGISTERS = ("_parameters", "_buffers", "_modules")


def need_values(model: nn.Module) -> None:
    """Refuse a model on the `meta` device.

    Raises:
        UsageError: A parameter or buffer has no values; the message names it.

    >>> need_values(nn.Linear(2, 2, device="meta"))
    Traceback (most recent call last):
    normdrop.errors.UsageError: weight is on the meta device and has no values: load weights first
    """
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.is_meta:
            raise UsageError(f"{name} is on the meta device and has no values: load weights first")


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside `torch.compile`, `DistributedDataParallel` and `DataParallel`.

    These change where or how fast it runs, not what it computes; their buffers and modules are the
    model's own. Inside, no process waits for another's batch.

    Raises:
        UsageError: The model is on the `meta` device, without values.
    """
    while True:
        compiled = model._modules.get("_orig_mod")  # noqa: SLF001 - how torch.compile keeps it
        if compiled is not None:
            model = compiled
        elif isinstance(model, DistributedDataParallel | DataParallel):
            inner: nn.Module = model.module
            model = inner
        else:
            break
    need_values(model)
    return model


@contextmanager
def untouched(model: nn.Module, *, gradients: bool = True) -> Iterator[None]:
    """Put back on leaving what running a model may change of it, and the random state.

    That is modes, parameters, buffers, gradients, `requires_grad`, and what modules keep in
    attributes: a forward may assign to any of them. Compiled modules inside run uncompiled, so that
    their norm layers are seen. Costs a copy of weights, buffers and gradients that are there.

    Args:
        model: What runs inside.
        gradients: Whether to copy gradients: needed only where a backward pass may add to them.

    Raises:
        CaptureError: A module that cannot be watched, or that its first call would change for good.
    """
    for path, module in model.named_modules():
        _check(path or type(model).__name__, module)
    attributes = [(module, _attributes(module)) for module in model.modules()]
    # A parameter's data is kept as it is, too: assigning to it gives the parameter other memory.
    values = [
        (tensor, tensor.data, tensor.detach().clone())
        for tensor in (*model.parameters(), *model.buffers())
    ]
    parameters = [
        (p, p.requires_grad, p.grad, _clone(p.grad) if gradients else None)
        for p in model.parameters()
    ]
    with (
        torch.random.fork_rng(cuda_devices(model)),
        _eager(),
        _differentiable(model, needed=gradients),
    ):
        try:
            yield
        finally:
            for module, kept in attributes:
                _put_back(module, kept)
            with torch.no_grad():
                for tensor, data, value in values:
                    if tensor.data_ptr() != data.data_ptr() or tensor.shape != data.shape:
                        tensor.data = data
                    # A write, even of the same values, would end a backward pass that waits.
                    if not _same(tensor, value):
                        tensor.data.copy_(value)
                for parameter, requires_grad, gradient, was in parameters:
                    parameter.requires_grad_(requires_grad)
                    parameter.grad = gradient
                    if gradient is not None and was is not None:
                        gradient.copy_(was)


def _attributes(module: nn.Module) -> dict[str, Any]:
    """What a module keeps, its registers copied."""
    kept = vars(module)
    return {**kept, **{name: copy.copy(kept[name]) for name in _REGISTERS}}


def _put_back(module: nn.Module, before: Mapping[str, Any]) -> None:
    """Give a module the attributes it had; the registers stay the objects they are."""
    kept = vars(module)
    registers = {name: kept[name] for name in _REGISTERS}
    for name, register in registers.items():
        register.clear()
        register.update(before[name])
    kept.clear()
    kept.update({**before, **registers})


@contextmanager
def _differentiable(model: nn.Module, *, needed: bool) -> Iterator[None]:
    """Leave `torch.inference_mode`, as evaluation code is in, where gradients are needed."""
    if not needed or not torch.is_inference_mode_enabled():
        yield
        return
    if any(tensor.is_inference() for tensor in (*model.parameters(), *model.buffers())):
        raise UsageError(
            "the model was made under torch.inference_mode, so that no gradients can pass it: make "
            "it outside, or copy its state dict into one that was"
        )
    with torch.inference_mode(mode=False):
        yield


def _check(path: str, module: nn.Module) -> None:
    if isinstance(module, torch.jit.ScriptModule):
        raise CaptureError(
            f"{path}: a scripted module hides its calls: pass the module it was scripted from"
        )
    own = (*module.parameters(recurse=False), *module.buffers(recurse=False))
    if any(is_lazy(tensor) for tensor in own):
        raise CaptureError(
            f"{path}: a lazy module takes its shape from its first input: call the model once first"
        )


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors hold the same values, NaN among them."""
    if torch.equal(one, other):
        return True
    return one.is_floating_point() and torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)


def _clone(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.detach().clone()


def device_of(model: nn.Module) -> torch.device:
    """Where the model's first parameter or buffer is; the CPU without any."""
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return torch.device("cpu")


def cuda_devices(model: nn.Module) -> list[torch.device]:
    """The GPUs whose random state a forward pass of the model may move."""
    devices = {p.device for p in model.parameters()} | {b.device for b in model.buffers()}
    return sorted((d for d in devices if d.type == "cuda"), key=str)


@contextmanager
def _eager() -> Iterator[None]:
    if "torch._dynamo" not in sys.modules:  # nothing is compiled, and importing it takes seconds
        yield
        return
    with torch._dynamo.config.patch(disable=True):  # noqa: SLF001 - torch names no other way in 2.7
        yield
