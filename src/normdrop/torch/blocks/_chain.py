"""Layers that print the call which built them, alone or one after the other."""

import inspect
from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import nn


def written_call(cls: type, arguments: Mapping[str, object]) -> str:
    """The call of `cls` with `arguments`, without those that have their default value.

    A class among the arguments is written with its module, so that the text evaluates.
    """
    written = []
    for name, parameter in inspect.signature(cls).parameters.items():
        value = arguments[name]
        if type(value) is type(parameter.default) and value == parameter.default:
            continue
        keyword = "" if parameter.kind is parameter.POSITIONAL_OR_KEYWORD else f"{name}="
        written.append(f"{keyword}{_written(value)}")
    return f"{cls.__name__}({', '.join(written)})"


def _written(value: object) -> str:
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    return repr(str(value)) if isinstance(value, torch.device) else repr(value)


Structure = tuple[tuple[str, type[nn.Module]], ...]


def structure(module: nn.Module) -> Structure:
    """The modules inside one, by name and class: while they stay, its call builds it again."""
    return tuple((name, type(each)) for name, each in module.named_modules() if name)


class Chain(nn.Sequential):
    """A `torch.nn.Sequential` with a constructor of its own; a slice of it is a plain one."""

    def __init__(self, call: str, parts: OrderedDict[str, nn.Module]) -> None:
        super().__init__(parts)
        self._call = call
        self._built = structure(self)

    def __getitem__(self, index: slice | int) -> nn.Module:
        """One layer by its position, or several by a slice."""
        if isinstance(index, slice):
            return nn.Sequential(OrderedDict(list(self._modules.items())[index]))
        return super().__getitem__(index)

    def __repr__(self) -> str:
        """The call that builds this layer again; its parts, where they are others by now."""
        return self._call if structure(self) == self._built else super().__repr__()
