"""Changes of a module that can all be taken back."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from normdrop.mending.repairs import Journal


class ModuleJournal(Journal):
    """Changes modules, and writes down how to take each change back."""

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
        self.on_undo(lambda: registry.__setitem__(name, before))

    def attach(
        self, target: nn.Module, name: str, child: nn.Module, register: Callable[[], Any]
    ) -> None:
        """Give a module a child, and the hook that applies it."""
        target.add_module(name, child)
        self.on_undo(lambda: delattr(target, name))
        handle = register()
        self.on_undo(handle.remove)

    def attribute(self, owner: nn.Module, name: str, value: object) -> None:
        """Set an attribute of a module."""
        before = getattr(owner, name)
        setattr(owner, name, value)
        self.on_undo(lambda: setattr(owner, name, before))

    def write(self, tensor: Tensor, value: Tensor) -> None:
        """Write values into a tensor."""
        before = tensor.detach().clone()
        with torch.no_grad():
            tensor.copy_(value)
        self.on_undo(lambda: _restore(tensor, before))


def _restore(tensor: Tensor, before: Tensor) -> None:
    with torch.no_grad():
        tensor.copy_(before)
