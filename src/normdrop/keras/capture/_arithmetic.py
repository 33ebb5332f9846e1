"""Recognising sums, products and what is put side by side."""

from functools import partial
from numbers import Real
from typing import Any

import keras

from normdrop.keras.capture._description import CallOf, Describe, Description
from normdrop.shifts.graph import Concatenate, Kind, Matmul, Product, Sum


def _sum(call: CallOf) -> Description:
    return Description(Kind.ADD, Sum((1.0,) * len(call.shapes)))


def _difference(_: CallOf) -> Description:
    return Description(Kind.ADD, Sum((1.0, -1.0)))


def _average(call: CallOf) -> Description:
    return Description(Kind.ADD, Sum((1.0 / len(call.shapes),) * len(call.shapes)))


def _product(call: CallOf) -> Description:
    return Description(Kind.MULTIPLY, Product((1.0,) * len(call.shapes)))


def _concatenated(call: CallOf) -> Description:
    axis = call.operation.axis % len(call.output)
    return Description(Kind.CONCATENATE, Concatenate(axis, len(call.output) > len(call.shape)))


def _dot(_: CallOf) -> Description:
    return Description(Kind.MATMUL, Matmul())


def _rescaling(call: CallOf) -> list[Description] | None:
    layer = call.operation
    if not isinstance(layer.scale, Real) or not isinstance(layer.offset, Real):
        return None
    return [
        Description(Kind.MULTIPLY, Product((1.0,), float(layer.scale)), operation="multiply"),
        Description(Kind.ADD, Sum((1.0,), float(layer.offset)), operation="add"),
    ]


def _plus(sign: float, call: CallOf) -> Description | None:
    """`x + y` and `x - y`, either of which may be a number."""
    terms = _pair(call)
    if terms is None:
        return None
    numbers = [None if isinstance(term, keras.KerasTensor) else float(term) for term in terms]
    signs = (1.0, sign)
    constant = sum(s * n for s, n in zip(signs, numbers, strict=True) if n is not None)
    kept = tuple(s for s, n in zip(signs, numbers, strict=True) if n is None)
    return Description(Kind.ADD, Sum(kept, constant))


def _times(exponent: float, call: CallOf) -> Description | None:
    """`x * y` and `x / y`, either of which may be a number."""
    factors = _pair(call)
    if factors is None:
        return None
    constant, kept = 1.0, []
    for factor, power in zip(factors, (1.0, exponent), strict=True):
        if isinstance(factor, keras.KerasTensor):
            kept.append(power)
        elif factor or power > 0:
            constant *= float(factor) ** power
        else:
            return None
    return Description(Kind.MULTIPLY, Product(tuple(kept), constant))


def _pair(call: CallOf) -> tuple[Any, Any] | None:
    """The two operands, tensors or numbers."""
    if len(call.args) != 2:  # noqa: PLR2004 - two operands
        return None
    known = all(isinstance(each, keras.KerasTensor | Real) for each in call.args)
    return (call.args[0], call.args[1]) if known else None


def _negative(_: CallOf) -> Description:
    return Description(Kind.MULTIPLY, Product((1.0,), -1.0))


ENTRIES: dict[type, Describe] = {
    keras.layers.Add: _sum,
    keras.layers.Subtract: _difference,
    keras.layers.Average: _average,
    keras.layers.Multiply: _product,
    keras.layers.Concatenate: _concatenated,
    keras.layers.Dot: _dot,
    keras.layers.Rescaling: _rescaling,
}
OPERATIONS: dict[str, Describe] = {
    "Add": partial(_plus, 1.0),
    "Subtract": partial(_plus, -1.0),
    "Multiply": partial(_times, 1.0),
    "Divide": partial(_times, -1.0),
    "TrueDivide": partial(_times, -1.0),
    "Negative": _negative,
    "Concatenate": _concatenated,
    "Stack": _concatenated,
    "Matmul": _dot,
    "Einsum": _dot,
}
