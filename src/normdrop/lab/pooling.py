"""2×2 max pooling of channels-last images, several times as fast on a processor as torch's own.

torch keeps the place of each maximum in eight bytes, fills the gradient with zeros first and copies
what lies in another order. Here the place takes one byte, and each unit is written once.
"""

from functools import cache
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from normdrop.lab.rows import (
    CARRIERS,
    Kernel,
    channels_last,
    compiled_or_none,
    is_plain,
    units,
)

_IMAGE = 4  # axes of a batch of images
_SIDE = 2
_PLAIN = ((2, 2), (2, 2), (0, 0), (1, 1), False, False)
"""Kernel, stride, padding, dilation, indices asked for, incomplete windows: what is fast."""

_BITS = {torch.float32: np.uint32, torch.bfloat16: np.uint16}
Bits: TypeAlias = NDArray[np.uint32] | NDArray[np.uint16]


class MaxPool2d(nn.MaxPool2d):
    """`torch.nn.MaxPool2d`, bit for bit, in value and gradient.

    Windows of 2×2 beside each other take the fast way for images of float32 or bfloat16 that lie on
    the CPU with their channels last, where numba works; all else is torch's own.

    >>> images = torch.arange(16.0).reshape(1, 1, 4, 4)
    >>> MaxPool2d(2)(images).flatten().tolist()
    [5.0, 7.0, 13.0, 15.0]
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """The maxima, of shape (N, C, H // 2, W // 2) for windows of 2×2."""
        kernels = _kernels(input.dtype) if self._is_fast(input) else None
        if kernels is None:
            pooled: Tensor = super().forward(input)
            return pooled
        result: Tensor = _Pooled.apply(input, *kernels)  # type: ignore[no-untyped-call] # torch's own
        return result

    def _is_fast(self, x: Tensor) -> bool:
        if x.ndim != _IMAGE or min(x.shape[2:]) < _SIDE or not is_plain(x) or x.is_contiguous():
            return False
        sizes = (self.kernel_size, self.stride, self.padding, self.dilation)
        pairs = (size if isinstance(size, tuple) else (size, size) for size in sizes)
        given = (*pairs, self.return_indices, self.ceil_mode)
        return given == _PLAIN


class _Pooled(torch.autograd.Function):
    """The maxima, and their gradient to where they were."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, pool: Kernel, spread: Kernel) -> Tensor:  # noqa: ANN401 - torch's has no type
        rows = channels_last(x)
        count, height, width, channels = rows.shape
        shape = (count, height // 2, width // 2, channels)
        best = torch.empty(shape, dtype=x.dtype)
        where = torch.empty(shape, dtype=torch.uint8)
        pool(units(rows), units(best), where.numpy())
        ctx.save_for_backward(where)
        ctx.shape, ctx.spread = rows.shape, spread
        return best.movedim(-1, 1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401 - see forward
        (where,) = ctx.saved_tensors
        rows = gradient.movedim(1, -1).contiguous()
        result = torch.empty(ctx.shape, dtype=gradient.dtype)
        ctx.spread(_bits(rows), where.numpy(), _bits(result))
        return result.movedim(-1, 1), None, None


def _bits(x: Tensor) -> Bits:
    memory: Bits = units(x).view(_BITS[x.dtype])
    return memory


@cache
def _kernels(dtype: torch.dtype) -> tuple[Kernel, Kernel] | None:
    """Forward and backward for one type, or `None` where numba is missing or does not work."""
    images, pooled = (
        np.zeros((1, 2, 2, 1), CARRIERS[dtype]),
        np.zeros((1, 1, 1, 1), CARRIERS[dtype]),
    )
    where = np.zeros(pooled.shape, np.uint8)
    pool = _pool_bfloat16 if dtype == torch.bfloat16 else _pool
    forward = compiled_or_none(pool, images, pooled, where)
    bits = _BITS[dtype]
    backward = compiled_or_none(_spread, pooled.view(bits), where, images.view(bits))
    return None if forward is None or backward is None else (forward, backward)


def _pool(x: NDArray[np.float32], best: NDArray[np.float32], where: NDArray[np.uint8]) -> None:
    """The first of equal units counts, and the last that is no number: torch's rule."""
    count, height, width, channels = best.shape
    for n in range(count):
        for i in range(height):
            for j in range(width):
                for c in range(channels):
                    place = np.uint8(0)
                    unit = x[n, 2 * i, 2 * j, c]
                    for k in range(1, 4):
                        other = x[n, 2 * i + k // 2, 2 * j + k % 2, c]
                        wins = (other > unit) | (other != other)  # noqa: PLR0124 - is no number
                        place = np.uint8(k) if wins else place
                        unit = other if wins else unit
                    best[n, i, j, c] = unit
                    where[n, i, j, c] = place


def _pool_bfloat16(
    x: NDArray[np.uint16], best: NDArray[np.uint16], where: NDArray[np.uint8]
) -> None:
    """The same for bfloat16, the upper half of a float32; unrolled, as numba fails on the loop."""
    count, height, width, channels = best.shape
    half = np.uint32(16)
    for n in range(count):
        for i in range(height):
            for j in range(width):
                for c in range(channels):
                    a = np.uint32(np.uint32(x[n, 2 * i, 2 * j, c]) << half).view(np.float32)
                    b = np.uint32(np.uint32(x[n, 2 * i, 2 * j + 1, c]) << half).view(np.float32)
                    first = (b > a) | (b != b)  # noqa: PLR0124 - is no number
                    ab = b if first else a
                    d = np.uint32(np.uint32(x[n, 2 * i + 1, 2 * j, c]) << half).view(np.float32)
                    second = (d > ab) | (d != d)  # noqa: PLR0124 - same
                    abd = d if second else ab
                    e = np.uint32(np.uint32(x[n, 2 * i + 1, 2 * j + 1, c]) << half).view(np.float32)
                    third = (e > abd) | (e != e)  # noqa: PLR0124 - same
                    place = np.uint8(3 if third else 2 if second else 1 if first else 0)
                    where[n, i, j, c] = place
                    largest = e if third else abd
                    best[n, i, j, c] = np.uint16(np.float32(largest).view(np.uint32) >> half)


def _spread(pooled: Bits, where: NDArray[np.uint8], x: Bits) -> None:
    """The gradient of each maximum to its place, nothing to all others, also beyond the windows.

    On bits, one kernel for both types. As torch adds to zero, no gradient is -0.
    """
    count, height, width, channels = pooled.shape
    nothing = pooled.dtype.type(0)
    minus_zero = pooled.dtype.type(1 << (8 * pooled.itemsize - 1))
    for n in range(count):
        x[n, 2 * height :] = nothing
        x[n, :, 2 * width :] = nothing
        for i in range(height):
            for j in range(width):
                for k in range(4):
                    for c in range(channels):
                        unit = pooled[n, i, j, c]
                        here = (where[n, i, j, c] == k) & (unit != minus_zero)
                        x[n, 2 * i + k // 2, 2 * j + k % 2, c] = unit if here else nothing
