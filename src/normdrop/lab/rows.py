"""The memory of a tensor as the lab's own kernels read it, and those kernels compiled."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Units: TypeAlias = NDArray[np.float32] | NDArray[np.uint16]
"""float32 as it is, bfloat16 as its bits."""
Kernel: TypeAlias = Callable[..., None]

CARRIERS = {torch.float32: np.float32, torch.bfloat16: np.uint16}


def is_plain(x: Tensor) -> bool:
    """Whether the units of `x` lie side by side in main memory, in a type that kernels read.

    Images may lie with their channels first or last.
    """
    if torch._C._are_functorch_transforms_active():  # noqa: SLF001 - no public way to ask; a stacked `x` has no memory of its own
        return False
    return x.device.type == "cpu" and x.dtype in CARRIERS and channels_last(x).is_contiguous()


def channels_last(x: Tensor) -> Tensor:
    """`x` with the axes of a channels-last image in the order of its memory."""
    return x if x.is_contiguous() or x.ndim < 3 else x.movedim(1, -1)  # noqa: PLR2004 - (N, C, ...)


def units(x: Tensor) -> Units:
    """The memory of a contiguous tensor, in its shape."""
    bare = x.detach()
    if bare.dtype == torch.bfloat16:
        bare = bare.view(torch.uint16)
    memory: Units = bare.numpy()
    return memory


def compiled_or_none(
    function: Callable[..., None],
    *examples: Any,  # noqa: ANN401 - what the kernel takes
    fastmath: set[str] | None = None,
) -> Kernel | None:
    """The function as machine code, tried on an example; `None` where numba is missing or fails."""
    try:
        from normdrop.torch.noise import compiled

        kernel = compiled(function, fastmath=fastmath or False)
        kernel(*examples)
    except Exception:  # noqa: BLE001 - a compiler may fail in any way; torch's own layers cannot
        return None
    return kernel
