"""The calls that depend on no input, kept so that their results can be computed when asked for.

Standardized, normalized or otherwise computed weights have no values while a model is captured.
Replaying the calls that made them, on the model's own tensors, gives them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from normdrop.torch.capture._ledger import Ledger
from normdrop.torch.capture._random_state import preserved_random_state
from normdrop.torch.capture._trees import map_leaves, tensors_in


@dataclass(frozen=True, slots=True)
class _TapedCall:
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    results: tuple[Tensor, ...]
    written: tuple[Tensor, ...]


class Tape:
    """Calls in the order they were made."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._steps: list[_TapedCall] = []

    def record(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        results: Sequence[Tensor],
        written: Sequence[Tensor],
    ) -> None:
        """Keep one call."""
        self._steps.append(_TapedCall(function, args, kwargs, tuple(results), tuple(written)))

    def reader(self, tensor: Tensor) -> Callable[[], NDArray[Any]]:
        """A function that returns the values of a tensor as they are at this point of the tape."""
        end = len(self._steps)
        return lambda: to_numpy(self._value(tensor, end))

    def _value(self, tensor: Tensor, end: int) -> Tensor:
        values: dict[int, Tensor] = {}
        with torch.no_grad(), preserved_random_state():
            for step in self._needed(tensor, end):
                self._play(step, values)
            return self._resolved(tensor, values)

    def _needed(self, tensor: Tensor, end: int) -> list[_TapedCall]:
        """The steps before `end` that the values of a tensor depend on, in order."""
        wanted, steps = {id(tensor)}, []
        for step in reversed(self._steps[:end]):
            if wanted & {id(each) for each in (*step.results, *step.written)}:
                steps.append(step)
                wanted |= {id(each) for each in tensors_in((step.args, step.kwargs))}
        return steps[::-1]

    def _play(self, step: _TapedCall, values: dict[int, Tensor]) -> None:
        for each in step.written:
            values[id(each)] = self._resolved(each, values).clone()

        def real(leaf: object) -> object:
            if isinstance(leaf, Tensor):
                return self._resolved(leaf, values)
            if isinstance(leaf, torch.device) and leaf.type == "meta":
                return torch.device("cpu")
            return leaf

        made = step.function(*map_leaves(real, step.args), **map_leaves(real, step.kwargs))
        values |= {id(old): new for old, new in zip(step.results, tensors_in(made), strict=False)}

    def _resolved(self, tensor: Tensor, values: dict[int, Tensor]) -> Tensor:
        if id(tensor) in values:
            return values[id(tensor)]
        entry = self._ledger.find(tensor)
        if entry is not None and entry.origin is not None:
            return entry.origin.detach()
        # Only the shape of a stand-in without an origin can matter here.
        return torch.zeros(tensor.shape, dtype=tensor.dtype) if tensor.is_meta else tensor


def to_numpy(tensor: Tensor) -> NDArray[Any]:
    """A tensor's values, without a copy where it can be; what numpy lacks becomes float32."""
    plain = tensor.detach().cpu()
    if plain.dtype in {torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2}:
        plain = plain.float()
    values: NDArray[Any] = np.asarray(plain.resolve_conj().resolve_neg().numpy())
    return values
