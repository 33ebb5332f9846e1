"""Recognising pooling, reductions and changes of resolution."""

import math
from collections.abc import Sequence
from functools import partial

from normdrop.shifts.graph import Kind, Pool, Resample
from normdrop.torch.capture._call import (
    Call,
    CallReader,
    Description,
    Recogniser,
    entries,
    per_axis,
)
from normdrop.values.operations import POOLS, RESAMPLINGS


def _windows(method: str, rank: int, call: Call) -> Description:
    """Pooling over sliding windows of the last axes."""
    kernel = per_axis(call.get("kernel_size"), rank)
    pool = Pool(
        method,
        axes=_last(call, rank),
        kernel=kernel,
        stride=per_axis(call.get("stride"), rank) if call.get("stride") else kernel,
        padding=tuple((each, each) for each in per_axis(call.get("padding", 0), rank)),
        dilation=per_axis(call.get("dilation"), rank, 1),
        ceil_mode=call.is_on("ceil_mode"),
        count_include_pad=call.is_on("count_include_pad", default=True),
        power=float(call.get("norm_type", 1.0)),
    )
    return Description(Kind.POOL, pool, call.x.ndim - rank - 1, sources=[call.x])


def _adaptive(method: str, rank: int, call: Call) -> Description:
    """Pooling to an output size, with windows as even as it allows."""
    extents = call.shape[-rank:]
    sizes = tuple(call.outputs[0].shape[-rank:])
    kernel = tuple(math.ceil(extent / size) for extent, size in zip(extents, sizes, strict=True))
    stride = tuple(max(1, extent // size) for extent, size in zip(extents, sizes, strict=True))
    pool = Pool(method, _last(call, rank), kernel, stride, ((0, 0),) * rank, dilation=(1,) * rank)
    return Description(Kind.POOL, pool, call.x.ndim - rank - 1, sources=[call.x])


def _reduction(method: str, call: Call) -> Description | None:
    """A reduction over whole axes; with two tensors it is no reduction."""
    axes = _axes(call)
    if axes is None:
        return None
    kernel = tuple(call.shape[axis] for axis in axes)
    rank = len(axes)
    pool = Pool(method, axes, kernel, kernel, ((0, 0),) * rank, (1,) * rank)
    return Description(Kind.POOL, pool)


def _axes(call: Call) -> tuple[int, ...] | None:
    axes = call.get("dim", call.get("axis"))
    if axes is None or (isinstance(axes, Sequence) and not axes):
        return tuple(range(call.x.ndim))
    if isinstance(axes, int):
        axes = (axes,)
    if not isinstance(axes, Sequence):
        return None
    return tuple(sorted(int(axis) % call.x.ndim for axis in axes))


def _last(call: Call, rank: int) -> tuple[int, ...]:
    return tuple(range(call.x.ndim - rank, call.x.ndim))


def _resample(call: Call) -> Description | None:
    before, after = call.shape, tuple(call.outputs[0].shape)
    if len(before) != len(after):
        return None
    axes = tuple(i for i, pair in enumerate(zip(before, after, strict=True)) if len(set(pair)) > 1)
    return Description(Kind.RESAMPLE, Resample(str(call.get("mode", "nearest")), axes), 1)


_READERS = {"windows": _windows, "adaptive": _adaptive}


def _entries() -> dict[str, CallReader]:
    made: dict[str, CallReader] = {}
    for pool in POOLS:
        for spelling in pool.functions:
            if pool.extent == "axes":
                read: Recogniser = partial(_reduction, pool.method)
            else:
                rank = next(int(each) for each in spelling.name if each.isdigit())
                read = partial(_READERS[pool.extent], pool.method, rank)
            made |= entries([spelling], read)
    return made


ENTRIES = {**_entries(), **entries(RESAMPLINGS, _resample)}
