"""Mean and variance per channel, fast and differentiable."""

from functools import cache
from types import ModuleType

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction, FunctionCtx, once_differentiable

from normdrop.torch.noise._threads import run_on_tiles

_SHARE = 400_000
"""Numbers that take about a tenth of a millisecond: less is not worth a thread."""
_LANES = 16


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
    if not (torch.is_grad_enabled() and x.requires_grad):
        return _reduced(x)
    mean, variance = _ChannelMoments.apply(x)  # type: ignore[no-untyped-call] # torch's own
    return mean, variance


class _ChannelMoments(torch.autograd.Function):
    """The reduction with the gradient of mean and variance."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, variance = _reduced(x)
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


def _reduced(x: Tensor) -> tuple[Tensor, Tensor]:
    kernels = _kernels()
    if kernels is None or x.dtype is not torch.float32 or not x.numel():
        mean, variance = torch.batch_norm_update_stats(x, None, None, 0.0)
        return mean, variance
    x = x.detach()
    out = torch.empty(2, x.shape[1])
    rows = _as_rows(x)
    values, found = (x.reshape(*x.shape[:2], -1) if rows is None else rows).numpy(), out.numpy()
    kernel, lanes = (kernels.channel_first, 1) if rows is None else (kernels.channel_last, _LANES)
    share = max(1, _SHARE * x.shape[1] // x.numel())
    share = -(-share // lanes) * lanes
    run_on_tiles(lambda first, last: kernel(values, found, first, last), x.shape[1], share)
    return out[0], out[1]


def _as_rows(x: Tensor) -> Tensor | None:
    """The tensor as (samples, channels) in memory order, if its channels lie side by side."""
    flat = x.movedim(1, -1)
    return flat.reshape(-1, x.shape[1]) if flat.is_contiguous() else None


@cache
def _kernels() -> ModuleType | None:
    """The compiled kernels, or `None` where numba is missing or does not work."""
    try:
        from normdrop.torch import _moment_kernels

        values, out = torch.zeros(1, 1, 1).numpy(), torch.zeros(2, 1).numpy()
        _moment_kernels.channel_first(values, out, 0, 1)
        _moment_kernels.channel_last(values[0], out, 0, 1)
    except Exception:  # noqa: BLE001 - a compiler may fail in any way; torch's reduction cannot
        return None
    return _moment_kernels
