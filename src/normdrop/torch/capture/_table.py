"""From an operation to the entry that describes its calls, and from a module to what it is whole.

To teach capture an operation, add an entry to the file of its family.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from normdrop.torch.capture import (
    _activations,
    _arithmetic,
    _noises,
    _norms,
    _pools,
    _shapes,
    _weights,
)
from normdrop.torch.capture._call import CallReader, Description

FAMILIES = (_activations, _arithmetic, _noises, _norms, _pools, _shapes, _weights)
TABLE: dict[str, CallReader] = {
    name: each for family in FAMILIES for name, each in family.ENTRIES.items()
}
_WHOLE = {**_noises.WHOLE, **_norms.WHOLE}


def operation_name(function: Callable[..., Any]) -> str:
    """The name shared by all spellings of an operation.

    Functions, methods, operators, in-place variants and overloads of one operation have one name;
    a property has its own.

    >>> import torch
    >>> operation_name(torch.add), operation_name(torch.Tensor.__radd__)
    ('add', 'radd')
    >>> operation_name(torch.Tensor.relu_), operation_name(torch.Tensor.mT.__get__)
    ('relu', 'mT')
    """
    name = getattr(function, "__name__", type(function).__name__)
    if name in {"__get__", "__set__"}:
        name = getattr(getattr(function, "__self__", None), "__name__", name)
    return str(name).partition(".")[0].strip("_") or str(name)


def entry_of(function: Callable[..., Any], name: str) -> CallReader | None:
    """The entry for a function, by where it is defined first and by its name alone second."""
    home = getattr(function, "__module__", None) or ""
    if home == "torch.nn.functional" and (found := TABLE.get(f"F.{name}")):
        return found
    if home.startswith("torch._ops.") and home != "torch._ops.aten":
        return TABLE.get(f"{home.removeprefix('torch._ops.')}::{name}")
    return TABLE.get(name)


def describe_module(module: nn.Module, x: Tensor) -> Description | None:
    """What a module is that is recorded as one call, whatever its forward does inside."""
    for kind, describe in _WHOLE.items():
        if isinstance(module, kind):
            return describe(module, x)
    return None


def bound(names: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by name."""
    return dict(zip(names, args, strict=False)) | kwargs
