"""What weight layers gave in one pass, for later passes that begin alike."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Function = Callable[..., Any]

WEIGHT_CALLS: frozenset[Function] = frozenset(
    {
        functional.linear,
        torch.conv1d,
        torch.conv2d,
        torch.conv3d,
        torch.conv_transpose1d,
        torch.conv_transpose2d,
        torch.conv_transpose3d,
    }
)
"""The calls worth keeping: they cost nearly all of a pass, and none of them changes its input."""


class Tape:
    """Records the weight calls of a first pass; hands their outputs back until a pass departs.

    Passes that differ by one noise layer agree up to it. Only there does `depart` end the replay,
    or a call of another layer or shape, so a model whose calls change from pass to pass is run in
    full. Costs the outputs of the weight layers of one pass in memory.
    """

    def __init__(self) -> None:
        self._kept: list[tuple[tuple[object, ...], Tensor]] = []
        self._next = 0
        self._recording = True
        self._alike = False

    def rewind(self) -> None:
        """End a pass; the next one replays."""
        self._next = 0
        self._recording = False
        self._alike = True

    def depart(self) -> None:
        """From here on the pass is not the recorded one."""
        self._alike = False

    def __call__(
        self, function: Function, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Tensor:
        """The call's output, from the tape if it is the same call."""
        x, *weights = args
        key = (function, x.shape, *(id(weight) for weight in weights[:1]))
        self._alike = self._alike and self._next < len(self._kept)
        if self._alike and self._kept[self._next][0] == key:
            self._next += 1
            return self._kept[self._next - 1][1].clone()  # in-place calls may follow
        self.depart()
        output: Tensor = function(*args, **kwargs)
        if self._recording:
            self._kept.append((key, output.clone()))
        return output
