"""Recognising linear maps with weights of their own, in the graph's layout of the weights."""

from typing import Any

import numpy as np

from normdrop.keras.capture._activations import fused
from normdrop.keras.capture._description import CallOf, Describe, Description, layers, parameter
from normdrop.shifts.graph import Kind, Parameter, Weight
from normdrop.values.operations import WEIGHTS

Pairs = tuple[tuple[int, int], ...]


def _dense(call: CallOf) -> list[Description]:
    layer = call.operation
    width, out = (int(extent) for extent in layer.kernel.shape)
    roles = {"weight": parameter(layer.kernel, np.transpose, (out, width))}
    described = Description(
        Kind.WEIGHT, Weight("linear"), len(call.output) - 1, _with_bias(layer, roles)
    )
    return [described, *fused(call)]


def _convolution(call: CallOf) -> list[Description]:
    """Keras' kernel is (*kernel, in / groups, out), the graph's (out, in / groups, *kernel)."""
    layer = call.operation
    kernel = tuple(int(each) for each in layer.kernel_size)
    shape = tuple(int(each) for each in layer.kernel.shape)
    roles = {"weight": parameter(layer.kernel, _out_in_kernel, (shape[-1], shape[-2], *kernel))}
    return _convolved(call, roles, kernel, int(layer.groups))


def _depthwise(call: CallOf) -> list[Description]:
    """Keras' kernel is (*kernel, in, multiplier): a convolution with a group for each channel."""
    layer = call.operation
    kernel = tuple(int(each) for each in layer.kernel_size)
    entering, multiplier = (int(each) for each in layer.kernel.shape[-2:])

    def arrange(values: np.ndarray) -> np.ndarray:
        return _out_in_kernel(values.reshape(*kernel, 1, entering * multiplier))

    roles = {"weight": parameter(layer.kernel, arrange, (entering * multiplier, 1, *kernel))}
    return _convolved(call, roles, kernel, entering)


def _convolved(
    call: CallOf, roles: dict[str, Parameter], kernel: tuple[int, ...], groups: int
) -> list[Description]:
    layer = call.operation
    count = len(kernel)
    axis = channel_axis(layer, len(call.shape))
    stride = _per_axis(layer.strides, count)
    dilation = _per_axis(layer.dilation_rate, count)
    weight = Weight(
        "convolution",
        kernel=kernel,
        stride=stride,
        padding=padding(layer.padding, _extents(call.shape, axis), kernel, stride, dilation),
        dilation=dilation,
        groups=groups,
    )
    return [Description(Kind.WEIGHT, weight, axis, _with_bias(layer, roles)), *fused(call)]


def _transposed(call: CallOf) -> list[Description]:
    """Keras' kernel is (*kernel, out, in), the graph's (in, out / groups, *kernel)."""
    layer = call.operation
    kernel = tuple(int(each) for each in layer.kernel_size)
    count = len(kernel)
    axis = channel_axis(layer, len(call.shape))
    shape = tuple(int(each) for each in layer.kernel.shape)
    roles = {"weight": parameter(layer.kernel, _out_in_kernel, (shape[-1], shape[-2], *kernel))}
    weight = Weight(
        "transposed convolution",
        kernel=kernel,
        stride=_per_axis(layer.strides, count),
        padding=((0, 0),) * count,
        dilation=_per_axis(layer.dilation_rate, count),
        output_padding=(0,) * count,
        groups=1,
    )
    return [Description(Kind.WEIGHT, weight, axis, _with_bias(layer, roles)), *fused(call)]


def _embedding(call: CallOf) -> Description:
    roles = {"weight": parameter(call.operation.embeddings)}
    return Description(Kind.WEIGHT, Weight("embedding"), len(call.output) - 1, roles)


def channel_axis(layer: Any, rank: int) -> int:  # noqa: ANN401 - any layer with a data format
    """Where a layer of a data format has its channels."""
    return 1 if getattr(layer, "data_format", "channels_last") == "channels_first" else rank - 1


def padding(
    how: str,
    extents: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> Pairs:
    """Zeros before and after: none, in front alone, or as many as `"same"` takes."""
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if how == "causal":
        return tuple((span - 1, 0) for span in spans)
    if how != "same":
        return ((0, 0),) * len(kernel)
    pairs = []
    for extent, span, step in zip(extents, spans, stride, strict=True):
        total = max((-(-extent // step) - 1) * step + span - extent, 0)
        pairs.append((total // 2, total - total // 2))
    return tuple(pairs)


def _extents(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return tuple(extent for each, extent in enumerate(shape) if each not in {0, axis})


def _out_in_kernel(values: np.ndarray) -> np.ndarray:
    rank = values.ndim
    return np.transpose(values, (rank - 1, rank - 2, *range(rank - 2)))


def _with_bias(layer: Any, roles: dict[str, Parameter]) -> dict[str, Parameter]:  # noqa: ANN401 - any layer
    bias = getattr(layer, "bias", None)
    return roles if bias is None else roles | {"bias": parameter(bias)}


def _per_axis(value: int | tuple[int, ...], count: int) -> tuple[int, ...]:
    return (value,) * count if isinstance(value, int) else tuple(int(each) for each in value)


_READERS: dict[str, Describe] = {
    "linear": _dense,
    "convolution": _convolution,
    "depthwise convolution": _depthwise,
    "transposed convolution": _transposed,
    "embedding": _embedding,
}
ENTRIES: dict[type, Describe] = {
    kind: each
    for name, read in _READERS.items()
    for kind, each in layers(WEIGHTS[name].keras_layers, read).items()
}
