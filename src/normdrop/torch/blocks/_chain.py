"""Layers one after the other that print the call which built them."""

from collections import OrderedDict

from torch import nn

from normdrop.torch.blocks._call import structure


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
