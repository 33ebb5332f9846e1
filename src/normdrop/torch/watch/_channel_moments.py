"""Mean and variance per channel, fast and differentiable."""

import math
from functools import cache
from types import ModuleType

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction, FunctionCtx, once_differentiable

from normdrop.torch.noise import run_on_tiles

_SHARE = 400_000
"""Numbers that take about a tenth of a millisecond: less is not worth a thread."""
_LANES = 16
"""Channels that are reduced side by side in a vector."""
_PLAIN = 2
"""Axes of a batch of vectors."""


def channel_moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance over all axes but the second.

    On the CPU torch's reductions take two to twelve times as long as reading the tensor once, and
    batch norm's own has no gradient; here both are mended.

    Args:
        x: (batch, channels, ...), floating point.

    Returns:
        Two tensors of shape (channels,); float32 for inputs of half precision.

    >>> mean, variance = channel_moments(torch.tensor([[0.0, 1.0], [2.0, 1.0]]))
    >>> mean.tolist(), variance.tolist()
    ([1.0, 1.0], [1.0, 0.0])
    """
    x = x.float() if x.dtype in {torch.float16, torch.bfloat16} else x
    if x.device.type != "cpu":
        variance, mean = torch.var_mean(x, [a for a in range(x.ndim) if a != 1], correction=0)
        return mean, variance
    mean, variance = _ChannelMoments.apply(x)  # type: ignore[no-untyped-call] # torch's own
    return mean, variance


def stacked_moments(x: Tensor) -> Tensor:
    """Mean and biased variance over all axes but the second, shape (2, channels); no gradient."""
    if x.is_cpu and x.dtype is torch.float32 and x.numel():
        kernels = _kernels()
        if kernels is not None:
            return _compiled(kernels, x.detach() if x.requires_grad else x)
    x = x.float() if x.dtype in {torch.float16, torch.bfloat16} else x
    if x.device.type != "cpu":
        variance, mean = torch.var_mean(x, [a for a in range(x.ndim) if a != 1], correction=0)
        return torch.stack([mean, variance])
    return torch.stack(torch.batch_norm_update_stats(x, None, None, 0.0))


class _ChannelMoments(torch.autograd.Function):
    """The reduction with the gradient of mean and variance."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, variance = stacked_moments(x)
        ctx.save_for_backward(x, mean)
        return mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: BackwardCFunction, by_mean: Tensor, by_variance: Tensor) -> Tensor:
        saved: tuple[Tensor, ...] = ctx.saved_tensors
        x, mean = saved
        count = x.numel() / x.shape[1]
        shape = [1, -1, *[1] * (x.ndim - 2)]
        offset = (by_mean - 2 * by_variance * mean) / count
        return torch.addcmul(offset.view(shape), x, (2 / count) * by_variance.view(shape))


def _compiled(kernels: ModuleType, x: Tensor) -> Tensor:
    channels = x.shape[1]
    out = torch.empty(2, channels)
    found = out.numpy()
    contiguous = x.is_contiguous()
    if contiguous and x.ndim > _PLAIN:
        kernel, lanes = kernels.channel_first, 1
        values = x.view(x.shape[0], channels, -1).numpy()
    else:  # channels side by side in memory, or what is brought into that order
        kernel, lanes = kernels.channel_last, _LANES
        rows = x if contiguous else x.movedim(1, -1).reshape(-1, channels).contiguous()
        values = rows.numpy()
    numbers = x.numel()
    if numbers < 2 * _SHARE:
        kernel(values, found, 0, channels)
        return out
    share = math.ceil(_SHARE * channels / numbers / lanes) * lanes
    run_on_tiles(lambda first, last: kernel(values, found, first, last), channels, share)
    return out


@cache
def _kernels() -> ModuleType | None:
    """The compiled kernels, or `None` where numba is missing or does not work."""
    try:
        from normdrop.torch.watch import _moment_kernels

        values, out = torch.zeros(1, 1, 1).numpy(), torch.zeros(2, 1).numpy()
        _moment_kernels.channel_first(values, out, 0, 1)
        _moment_kernels.channel_last(values[0], out, 0, 1)
    except Exception:  # noqa: BLE001 - a compiler may fail in any way; torch's reduction cannot
        return None
    return _moment_kernels
