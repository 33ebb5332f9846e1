"""Recognising pooling, reductions and changes of resolution."""

from functools import partial

from normdrop.keras.capture._description import CallOf, Describe, Description, layers
from normdrop.keras.capture._weights import channel_axis, padding
from normdrop.shifts.graph import Kind, Pool, Resample
from normdrop.values.operations import KERAS_RESAMPLINGS, POOLS


def _windows(method: str, call: CallOf) -> Description:
    layer = call.operation
    rank = len(call.shape)
    channel = channel_axis(layer, rank)
    axes = tuple(axis for axis in range(1, rank) if axis != channel)
    kernel = _sizes(layer.pool_size, len(axes))
    stride = _sizes(layer.strides, len(axes))
    ones = (1,) * len(axes)
    extents = tuple(call.shape[axis] for axis in axes)
    pairs = padding(layer.padding, extents, kernel, stride, ones)
    pool = Pool(method, axes, kernel, stride, pairs, ones, count_include_pad=False)
    return Description(Kind.POOL, pool, channel)


def _global(method: str, call: CallOf) -> Description:
    rank = len(call.shape)
    channel = channel_axis(call.operation, rank)
    axes = tuple(axis for axis in range(1, rank) if axis != channel)
    return _whole(method, call, axes)


def _reduction(method: str, call: CallOf) -> Description:
    axis = call.operation.axis
    chosen = (
        range(len(call.shape))
        if axis is None
        else axis
        if isinstance(axis, list | tuple)
        else [axis]
    )
    return _whole(method, call, tuple(sorted(each % len(call.shape) for each in chosen)))


def _whole(method: str, call: CallOf, axes: tuple[int, ...]) -> Description:
    kernel = tuple(call.shape[axis] for axis in axes)
    nothing = ((0, 0),) * len(axes)
    pool = Pool(method, axes, kernel, kernel, nothing, (1,) * len(axes))
    kept = channel_axis(call.operation, len(call.shape))
    # The axes before the channels that are gone no longer count.
    channel = (
        kept - sum(axis < kept for axis in axes) if len(call.output) < len(call.shape) else kept
    )
    return Description(Kind.POOL, pool, None if kept in axes else channel)


def _resample(call: CallOf) -> Description:
    channel = channel_axis(call.operation, len(call.shape))
    axes = tuple(axis for axis in range(1, len(call.shape)) if axis != channel)
    method = str(getattr(call.operation, "interpolation", "nearest"))
    return Description(Kind.RESAMPLE, Resample(method, axes), channel)


def _sizes(value: int | tuple[int, ...], count: int) -> tuple[int, ...]:
    return (value,) * count if isinstance(value, int) else tuple(int(each) for each in value)


_READERS = {"windows": _windows, "adaptive": _global}
ENTRIES: dict[type, Describe] = {
    **{
        kind: each
        for pool in POOLS
        if pool.extent in _READERS
        for kind, each in layers(
            pool.keras_layers, partial(_READERS[pool.extent], pool.method)
        ).items()
    },
    **layers(KERAS_RESAMPLINGS, _resample),
}
OPERATIONS: dict[str, Describe] = {
    pool.keras_operation: partial(_reduction, pool.method) for pool in POOLS if pool.keras_operation
}
