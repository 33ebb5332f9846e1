"""One tensor, one key per block of it: the kernels where they compile, the reference elsewhere."""

import warnings
from functools import cache
from types import ModuleType
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from normdrop.torch.noise import _reference
from normdrop.torch.noise._layout import LANES, ROWS, parameters
from normdrop.torch.noise._threads import run_on_tiles

Words: TypeAlias = NDArray[np.uint32]
Units: TypeAlias = NDArray[np.float32] | NDArray[np.float64] | NDArray[np.uint16]

# How a tensor type travels to the kernels: a bfloat16 as its bits. Others pass through float32.
_COMPILED_TYPES = {
    torch.float32: torch.float32,
    torch.float64: torch.float64,
    torch.bfloat16: torch.uint16,
}
_REFERENCE_TYPES = (torch.float32, torch.float64)


def multiply_masked(x: Tensor, keys: Tensor, kind: str, amount: float) -> Tensor:
    """`x`, cut into as many equal blocks as there are keys, times the mask of each block's key.

    Args:
        x: CPU tensor; the units of a block are counted in row-major order.
        keys: The words of each key, int64 of shape (blocks, 4).
        kind: The distribution of the mask.
        amount: Its parameter.

    Returns:
        A new contiguous tensor like `x`.
    """
    kernels = _kernels()
    native = x.dtype in (_COMPILED_TYPES if kernels else _REFERENCE_TYPES)
    source = (x.detach() if native else x.detach().float()).contiguous()
    target = torch.empty_like(source)
    words: Words = keys.numpy().astype(np.uint32, order="C")
    blocks = len(words)
    for block, result, key in zip(
        _units(source, blocks), _units(target, blocks), words, strict=True
    ):
        if kernels is None:
            np.multiply(block, _reference.mask(kind, amount, key, block.size), out=result)
        else:
            _cover(kernels, block, result, key, kind, amount)
    return target if native else target.to(x.dtype)


def _cover(  # noqa: PLR0917 - what the kernels take
    kernels: ModuleType, x: Units, y: Units, key: Words, kind: str, amount: float
) -> None:
    """Run a kernel over the whole tiles of a block, and over a padded copy of what is left."""
    kernel, numbers, rows = getattr(kernels, kind), parameters(kind, amount), ROWS[kind]
    tiles, rest = divmod(x.size, rows * LANES)
    whole = x.size - rest
    if tiles:
        source, target = x[:whole].reshape(-1, rows, LANES), y[:whole].reshape(-1, rows, LANES)
        run_on_tiles(
            lambda first, last: kernel(source, target, key, first, last, 0, *numbers), tiles
        )
    if rest:
        padded = np.zeros((2, 1, rows, LANES), x.dtype)
        source, target = padded
        source.reshape(-1)[:rest] = x[whole:]
        kernel(source, target, key, 0, 1, tiles, *numbers)
        y[whole:] = target.reshape(-1)[:rest]


def _units(x: Tensor, blocks: int) -> Units:
    """The memory of a contiguous tensor as an array with a row for each block."""
    carrier = _COMPILED_TYPES[x.dtype]
    return (x if carrier is x.dtype else x.view(carrier)).numpy().reshape(blocks, -1)


@cache
def _kernels() -> ModuleType | None:
    """The compiled kernels, or None, with a warning, where numba is missing or does not work."""
    try:
        from normdrop.torch.noise import _kernels

        units, key = np.zeros((2, 1), np.float32), np.zeros(4, np.uint32)
        _cover(_kernels, units[0], units[1], key, "bernoulli", 0.5)
    except Exception as error:  # noqa: BLE001 - a compiler may fail in any way; the reference cannot
        warnings.warn(
            f"noise on the CPU is several times slower, because numba is missing or does not work "
            f"here ({type(error).__name__}: {error})",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    return _kernels
