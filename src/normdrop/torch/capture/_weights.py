"""Recognising linear maps with weights of their own."""

from collections.abc import Sequence
from functools import partial

from torch import Tensor

from normdrop.shifts.graph import Kind, Matmul, Weight
from normdrop.torch.capture._call import Call, Description, Recogniser, entries, entry, per_axis
from normdrop.values.operations import PRODUCTS, WEIGHTS


def _roles(call: Call) -> dict[str, Tensor | None]:
    return {"weight": call.get("weight"), "bias": call.get("bias")}


def _linear(call: Call) -> Description:
    return Description(Kind.WEIGHT, Weight("linear"), call.x.ndim - 1, _roles(call))


def _padding(
    padding: int | str | Sequence[int], kernel: Sequence[int], dilation: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """Zeros before and after per axis; `"same"` puts the odd one after."""
    if padding == "same":
        spans = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((span // 2, span - span // 2) for span in spans)
    if isinstance(padding, str):
        return ((0, 0),) * len(kernel)
    return tuple((each, each) for each in per_axis(padding, len(kernel)))


def _convolution(call: Call, *, transposed: bool = False) -> Description:
    kernel = tuple(call.get("weight").shape[2:])
    count = len(kernel)
    dilation = per_axis(call.get("dilation"), count, 1)
    weight = Weight(
        "transposed convolution" if transposed else "convolution",
        kernel=kernel,
        stride=per_axis(call.get("stride"), count, 1),
        padding=_padding(call.get("padding", 0), kernel, dilation),
        dilation=dilation,
        output_padding=per_axis(call.get("output_padding"), count) if transposed else (),
        groups=int(call.get("groups", 1)),
    )
    return Description(Kind.WEIGHT, weight, call.x.ndim - count - 1, _roles(call))


def _bilinear(call: Call) -> Description:
    return Description(Kind.WEIGHT, Weight("bilinear"), call.outputs[0].ndim - 1, _roles(call))


def _embedding(call: Call) -> Description:
    return Description(
        Kind.WEIGHT, Weight("embedding"), call.outputs[0].ndim - 1, {"weight": call.get("weight")}
    )


def _matmul(call: Call) -> Description:
    """A product with a fixed matrix on the right is a linear map with its transpose."""
    right = call.get("other")
    if isinstance(right, Tensor) and right.ndim == 2 and not call.flows(right):  # noqa: PLR2004 - a matrix
        roles = {"weight.T": right, "bias": call.get("bias")}
        return Description(Kind.WEIGHT, Weight("linear"), call.outputs[0].ndim - 1, roles)
    return Description(Kind.MATMUL, Matmul())


def _einsum(call: Call) -> Description:
    equation = call.get("equation")
    return Description(Kind.MATMUL, Matmul(equation if isinstance(equation, str) else ""))


_READERS: dict[str, Recogniser] = {
    "linear": _linear,
    "convolution": _convolution,
    "transposed convolution": partial(_convolution, transposed=True),
    "bilinear": _bilinear,
    "embedding": _embedding,
}
ENTRIES = {
    **{
        name: each
        for weight in WEIGHTS.values()
        for name, each in entries(weight.functions, _READERS[weight.family]).items()
    },
    **entries(PRODUCTS, _matmul),
    "einsum": entry("equation", _einsum),
}
