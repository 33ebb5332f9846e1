"""Changes of a model that can all be taken back."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn


class Journal:
    """Writes down how to take each change of a model back.

    As a context it takes everything back when an error leaves it, so that a model is changed as a
    whole or not at all.
    """

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.back_to(0)

    def mark(self) -> int:
        """A point to go back to."""
        return len(self._undo)

    def back_to(self, mark: int) -> None:
        """Take back every change since a mark, the latest first."""
        while len(self._undo) > mark:
            self._undo.pop()()

    def replace(self, model: nn.Module, old: nn.Module, new: nn.Module) -> None:
        """Put a module in the place of another, under each name it is registered by."""
        new.training = old.training
        for parent in list(model.modules()):
            for name, child in list(parent._modules.items()):  # noqa: SLF001 - the registry itself
                if child is old:
                    self.item(parent._modules, name, new)  # noqa: SLF001 - same

    def item(self, registry: dict[str, Any], name: str, value: object) -> None:
        """Set an entry that a registry has already, at the position it has."""
        before = registry[name]
        registry[name] = value
        self._undo.append(lambda: registry.__setitem__(name, before))

    def attach(
        self, target: nn.Module, name: str, child: nn.Module, register: Callable[[], Any]
    ) -> None:
        """Give a module a child, and the hook that applies it."""
        target.add_module(name, child)
        self._undo.append(lambda: delattr(target, name))
        handle = register()
        self._undo.append(handle.remove)

    def attribute(self, owner: nn.Module, name: str, value: object) -> None:
        """Set an attribute of a module."""
        before = getattr(owner, name)
        setattr(owner, name, value)
        self._undo.append(lambda: setattr(owner, name, before))

    def write(self, tensor: Tensor, value: Tensor) -> None:
        """Write values into a tensor."""
        before = tensor.detach().clone()
        with torch.no_grad():
            tensor.copy_(value)
        self._undo.append(lambda: _restore(tensor, before))


def _restore(tensor: Tensor, before: Tensor) -> None:
    with torch.no_grad():
        tensor.copy_(before)
