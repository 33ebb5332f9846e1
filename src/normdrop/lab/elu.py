"""ELU in place, three times as fast on a processor as torch's own.

In place, it needs no second copy of the largest arrays, and its gradient follows from its result
without another exponential.

`torch.nn.functional.elu` spends most of its time in `expm1`, several times as long as `exp` takes:
on the larger arrays of a small convolutional network more than a convolution needs.
"""

from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from normdrop.lab.rows import CARRIERS, Kernel, channels_last, compiled_or_none, is_plain, units

_SMALLEST = -18.0  # exp(-18) - 1 is -1 in float32
_SHARE = 2.0**-5
_FACTORIALS = (1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1.0)


class ELU(nn.Module):
    """`x` where it is positive and `exp(x) - 1` elsewhere, written over the input.

    float32 and bfloat16 on the CPU take the fast way, where numba works; all else is torch's own.
    In float32 the two differ by at most 4·10⁻⁷ relative to the result, in bfloat16 not at all.

    >>> ELU()(torch.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """

    def forward(self, x: Tensor) -> Tensor:
        """The result, in the memory of `x`, which must not be a leaf of the gradient."""
        kernel = _kernel(x.dtype) if is_plain(x) else None
        if kernel is None:
            return functional.elu(x, inplace=True)
        if not (x.requires_grad and torch.is_grad_enabled()):
            _overwrite(x, kernel)
            return x
        result: Tensor = _InPlace.apply(x, kernel)  # type: ignore[no-untyped-call] # torch's own
        return result


class _InPlace(torch.autograd.Function):
    """The kernel, with the gradient that follows from its result."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Kernel) -> Tensor:  # noqa: ANN401 - torch's has no type
        _overwrite(x, kernel)
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        return x

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401 - see forward
        (result,) = ctx.saved_tensors
        by_result: Tensor = torch.ops.aten.elu_backward(gradient, 1.0, 1.0, 1.0, True, result)  # noqa: FBT003
        return by_result, None


def _overwrite(x: Tensor, kernel: Kernel) -> None:
    kernel(units(channels_last(x)).reshape(-1))


@cache
def _kernel(dtype: torch.dtype) -> Kernel | None:
    """The compiled loop for one type, or `None` where numba is missing or does not work."""
    function = _elu_bfloat16 if dtype == torch.bfloat16 else _elu
    return compiled_or_none(function, np.zeros(1, CARRIERS[dtype]), fastmath={"contract"})


def _elu(x: NDArray[np.float32]) -> None:
    """Taylor's series of exp(r) - 1 for r = x/32, then doubled five times: e(2r) = e(r)·(e(r) + 2).

    For e in (-1, 0] the doubling does not enlarge a relative error.
    """
    for index in range(x.size):
        unit = x[index]
        r = max(min(unit, np.float32(0.0)), np.float32(_SMALLEST)) * np.float32(_SHARE)
        e = np.float32(0.0)
        for coefficient in _FACTORIALS:
            e = e * r + np.float32(coefficient)
        e *= r
        for _ in range(5):
            e *= e + np.float32(2.0)
        x[index] = unit if unit > np.float32(0.0) else e


def _elu_bfloat16(x: NDArray[np.uint16]) -> None:
    """The same for bfloat16, the upper half of a float32, rounded once to the nearest, even on tie.

    Written out: a call in the loop would keep it from running on vectors.
    """
    for index in range(x.size):
        upper = x[index]
        unit = np.uint32(np.uint32(upper) << np.uint32(16)).view(np.float32)
        r = max(min(unit, np.float32(0.0)), np.float32(_SMALLEST)) * np.float32(_SHARE)
        e = np.float32(0.0)
        for coefficient in _FACTORIALS:
            e = e * r + np.float32(coefficient)
        e *= r
        for _ in range(5):
            e *= e + np.float32(2.0)
        bits = np.float32(e).view(np.uint32)
        odd = np.uint32(np.uint32(bits >> np.uint32(16)) & np.uint32(1))
        rounded = np.uint16(np.uint32(bits + np.uint32(0x7FFF) + odd) >> np.uint32(16))
        x[index] = upper if unit > np.float32(0.0) else rounded
