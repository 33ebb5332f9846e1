"""A copy of a model's structure whose tensors are stand-ins.

Everything a forward pass may change about a model it changes on the copy: modes, buffers,
attributes, lists, hooks. The user's model is only read.
"""

import collections
import copy
import dataclasses
import functools
import random
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from normdrop.errors import CaptureError
from normdrop.torch.capture._placing import unrecorded
from normdrop.torch.trees import map_leaves, tensors_in

_SMALL = 4096
_SHALLOW = (set, np.ndarray, types.SimpleNamespace, collections.deque)
_DEEP = (random.Random, np.random.Generator, np.random.RandomState)


class ScriptModule(nn.Module):
    """A copy of a TorchScript module, which no stand-in can enter: it runs on zeros instead."""

    script: Callable[..., Any]

    def __init__(self, script: nn.Module) -> None:
        super().__init__()
        self.__dict__["script"] = script

    def forward(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the script takes
        """Stand-ins in, stand-ins out; real tensors as they are."""
        on_meta = any(each.is_meta for each in tensors_in((args, kwargs)))
        with unrecorded():
            result = self.script(*map_leaves(_zeros, args), **map_leaves(_zeros, kwargs))
            return map_leaves(_emptied, result) if on_meta else result


def _zeros(leaf: object) -> object:
    if isinstance(leaf, Tensor) and leaf.is_meta:
        return torch.zeros(leaf.shape, dtype=leaf.dtype)
    return leaf


def _emptied(leaf: object) -> object:
    return leaf.to("meta") if isinstance(leaf, Tensor) else leaf


class ModelCopy:
    """A model's structure, copied once, with the way back from each copy to its original.

    Large tensors become stand-ins on the `meta` device, which hold no values. Scalars and small
    integer tensors keep their values, because forward passes decide by them. With `real=True`
    every tensor is cloned instead.

    Attributes:
        model: The copy of the model.
        module_paths: The path of each copied module, by its id.
        tensor_paths: The path of each copied tensor, by its id; where a tensor is not registered,
            the name of the attribute that holds it.
        originals: The user's tensor behind each copied one, by its id.
    """

    def __init__(self, model: nn.Module, *, real: bool = False) -> None:
        self._real = real
        self._memo: dict[int, Any] = {}
        self._alive: list[Any] = []
        self._names = {id(module): name for name, module in model.named_modules()}
        self._tensor_names = dict(_tensor_names(model))
        self.module_paths: dict[int, str] = {}
        self.tensor_paths: dict[int, str] = {}
        self.originals: dict[int, Tensor] = {}
        self.model: nn.Module = self._copied(model, "")

    def modules(self) -> Iterator[tuple[str, nn.Module]]:
        """Every module that was copied, registered or not, with its path."""
        made = {id(each): each for each in self._alive if isinstance(each, nn.Module)}
        for key, path in self.module_paths.items():
            yield path, made[key]

    def registered(self, model: nn.Module) -> dict[str, nn.Module]:
        """The copy of every registered module, by every path it has in the user's model."""
        named = model.named_modules(remove_duplicate=False)
        return {path: self._memo[id(each)] for path, each in named if id(each) in self._memo}

    def tensors(self) -> Iterator[tuple[Tensor, str, Tensor]]:
        """Every tensor that was copied: the copy, its path and the original."""
        for each in self._alive:
            if id(each) in self.originals:
                yield each, self.tensor_paths[id(each)], self.originals[id(each)]

    def _remember(self, value: object, made: Any) -> Any:  # noqa: ANN401 - any object is copied
        self._memo[id(value)] = made
        self._alive += [value, made]
        return made

    def _copied(self, value: Any, where: str) -> Any:  # noqa: ANN401 - any object is copied
        """The copy of one value that the model holds at `where`."""
        if value is None or isinstance(value, bool | int | float | str | type):
            return value
        if id(value) in self._memo:
            return self._memo[id(value)]
        if isinstance(value, nn.Module):
            return self._module(value, where)
        if isinstance(value, Tensor):
            return self._tensor(value, where)
        if isinstance(value, types.MethodType):
            return types.MethodType(value.__func__, self._copied(value.__self__, where))
        return self._container(value, where)

    def _module(self, module: nn.Module, where: str) -> nn.Module:
        path = self._names.get(id(module), where)
        if isinstance(module, torch.jit.ScriptModule):
            script: nn.Module = ScriptModule(copy.deepcopy(module))
            self.module_paths[id(script)] = path
            return self._remember(module, script)  # type: ignore[no-any-return]
        eager = getattr(module, "_orig_mod", None)
        if type(module).__name__ == "OptimizedModule" and isinstance(eager, nn.Module):
            return self._remember(module, self._module(eager, where))  # type: ignore[no-any-return]
        made = object.__new__(type(module))
        self._remember(module, made)
        self.module_paths[id(made)] = path
        registries = ("_parameters", "_buffers", "_modules")
        for name, value in vars(module).items():
            inner = path if name in registries else _joined(path, name)
            made.__dict__[name] = self._copied(value, inner)
        made.__dict__["_compiled_call_impl"] = None
        return made

    def _tensor(self, tensor: Tensor, where: str) -> Tensor:
        path = self._tensor_names.get(id(tensor), where)
        if torch.nn.parameter.is_lazy(tensor):
            raise CaptureError(
                f"{path!r} has no shape yet: run the model once on real input, so that its lazy "
                "layers know their sizes"
            )
        made = self._remember(tensor, self._stand_in(tensor))
        self.tensor_paths[id(made)] = path
        self.originals[id(made)] = tensor
        return made  # type: ignore[no-any-return]

    def _stand_in(self, tensor: Tensor) -> Tensor:
        counted = not tensor.is_floating_point() and tensor.numel() <= _SMALL
        keeps_values = self._real or tensor.numel() == 1 or counted
        plain = tensor.detach()
        made = plain.clone() if keeps_values else plain.to("meta")
        if isinstance(tensor, nn.Parameter):
            return nn.Parameter(made, requires_grad=tensor.requires_grad)
        return made

    def _container(self, value: Any, where: str) -> Any:  # noqa: ANN401 - any object is copied
        if isinstance(value, dict):
            if not value:
                return copy.copy(value)
            made = self._remember(value, copy.copy(value))
            dict.update(made, {key: self._item(each, where, key) for key, each in value.items()})
            return made
        if isinstance(value, list):
            made = self._remember(value, copy.copy(value))
            made[:] = [self._copied(each, f"{where}[{i}]") for i, each in enumerate(value)]
            return made
        if isinstance(value, tuple):
            parts = [self._copied(each, f"{where}[{i}]") for i, each in enumerate(value)]
            if all(new is old for new, old in zip(parts, value, strict=True)):
                return value
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        return self._object(value, where)

    def _item(self, value: Any, where: str, key: object) -> Any:  # noqa: ANN401 - any object
        return self._copied(value, _joined(where, key) if isinstance(key, str) else where)

    def _object(self, value: Any, where: str) -> Any:  # noqa: ANN401 - any object is copied
        """A record, array or random generator; anything else is shared."""
        if isinstance(value, _SHALLOW):
            return self._remember(value, copy.copy(value))
        if isinstance(value, _DEEP):
            return self._remember(value, copy.deepcopy(value))
        if isinstance(value, torch.Generator):
            generator = torch.Generator(value.device)
            generator.set_state(value.get_state())
            return self._remember(value, generator)
        if isinstance(value, functools.partial | weakref.ref):
            return self._reference(value, where)
        if dataclasses.is_dataclass(value) and hasattr(value, "__dict__"):
            made = self._remember(value, copy.copy(value))
            for name, each in vars(value).items():
                object.__setattr__(made, name, self._copied(each, _joined(where, name)))
            return made
        return value

    def _reference(self, value: Any, where: str) -> Any:  # noqa: ANN401 - any object is copied
        """What stands for a call of something else, or for something else."""
        if isinstance(value, functools.partial):
            arguments = [self._copied(each, where) for each in value.args]
            named = {key: self._copied(each, where) for key, each in value.keywords.items()}
            return functools.partial(self._copied(value.func, where), *arguments, **named)
        target = value()
        return value if target is None else weakref.ref(self._copied(target, where))


def _tensor_names(model: nn.Module) -> Iterator[tuple[int, str]]:
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        yield id(tensor), name


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
