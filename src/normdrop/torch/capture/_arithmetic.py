"""Recognising sums and products, and the noise that hides in a product with a random mask."""

import math
from functools import partial
from typing import Any

from torch import Tensor

from normdrop.shifts.graph import Kind, Product, Sum
from normdrop.torch.capture._call import Call, Description, entry


def _plus(sign: float, call: Call) -> Description | None:
    """`input + sign * alpha * other`, either of which may be a number."""
    scale = sign * float(call.number(call.get("alpha", 1)) or 0.0)
    return _weighted(call, ((call.get("input"), 1.0), (call.get("other"), scale)))


def _reversed_minus(call: Call) -> Description | None:
    return _weighted(call, ((call.get("input"), -1.0), (call.get("other"), 1.0)))


def _weighted(call: Call, terms: tuple[tuple[Any, float], ...]) -> Description | None:
    constant, sources, coefficients = 0.0, [], []
    for value, coefficient in terms:
        number = call.number(value)
        if number is not None:
            constant += coefficient * number
        elif isinstance(value, Tensor):
            sources.append(value)
            coefficients.append(coefficient)
        else:
            return None
    return Description(Kind.ADD, Sum(tuple(coefficients), constant), sources=sources)


def _times(exponent: float, call: Call) -> Description | None:
    """`input * other ** exponent`, either of which may be a number."""
    if call.get("rounding_mode") is not None:
        return None
    return _product(call, ((call.get("input"), 1.0), (call.get("other"), exponent)))


def _reversed_divide(call: Call) -> Description | None:
    return _product(call, ((call.get("input"), -1.0), (call.get("other"), 1.0)))


def _negative(call: Call) -> Description:
    return Description(Kind.MULTIPLY, Product((1.0,), -1.0), sources=[call.x])


def _product(call: Call, factors: tuple[tuple[Any, float], ...]) -> Description | None:
    constant, sources, exponents = 1.0, [], []
    for value, exponent in factors:
        number = call.number(value)
        if number is not None:
            constant *= number**exponent if number or exponent > 0 else math.inf
        elif isinstance(value, Tensor):
            sources.append(value)
            exponents.append(exponent)
        else:
            return None
    masked = _masked(call, sources, exponents)
    return masked or Description(
        Kind.MULTIPLY, Product(tuple(exponents), constant), sources=sources
    )


def _masked(call: Call, sources: list[Tensor], exponents: list[float]) -> Description | None:
    """A product of a tensor that flows and a drawn one is noise."""
    if exponents != [1.0, 1.0]:
        return None
    x, mask = sorted(sources, key=call.flows, reverse=True)
    draw = None if call.flows(mask) else call.draw(mask)
    noise = draw.noise(tuple(x.shape)) if draw and call.flows(x) else None
    return Description(Kind.NOISE, noise, sources=[x]) if noise else None


def _filled(call: Call) -> Description | None:
    """`x.masked_fill(mask, 0)`: a unit is dropped where the mask is set."""
    mask, value = call.get("mask"), call.number(call.get("value"))
    draw = call.draw(mask) if isinstance(mask, Tensor) and not call.flows(mask) else None
    noise = draw.affine(-1.0, 1.0).noise(call.shape) if draw and value == 0 else None
    return Description(Kind.NOISE, noise, sources=[call.x]) if noise else None


def _where(call: Call) -> Description | None:
    """`where(mask, x, 0)` and `where(mask, 0, x)`."""
    mask, kept, other = call.get("condition"), call.get("input"), call.get("other")
    draw = call.draw(mask) if isinstance(mask, Tensor) and not call.flows(mask) else None
    if draw is None:
        return None
    if call.number(kept) == 0:
        draw, kept, other = draw.affine(-1.0, 1.0), other, kept
    if not isinstance(kept, Tensor) or call.number(other) != 0:
        return None
    noise = draw.noise(tuple(kept.shape))
    return Description(Kind.NOISE, noise, sources=[kept]) if noise else None


_TERMS = "input other"
_ADD = entry(_TERMS, partial(_plus, 1.0))
_SUBTRACT = entry(_TERMS, partial(_plus, -1.0))
_MULTIPLY = entry(_TERMS, partial(_times, 1.0))
_DIVIDE = entry(_TERMS, partial(_times, -1.0))
_DIVIDE_REVERSED = entry(_TERMS, _reversed_divide)
_REVERSED = entry(_TERMS, _reversed_minus)
ENTRIES = {
    "add": _ADD,
    "radd": _ADD,
    "iadd": _ADD,
    "sub": _SUBTRACT,
    "subtract": _SUBTRACT,
    "isub": _SUBTRACT,
    "rsub": _REVERSED,
    "mul": _MULTIPLY,
    "multiply": _MULTIPLY,
    "rmul": _MULTIPLY,
    "imul": _MULTIPLY,
    "div": _DIVIDE,
    "divide": _DIVIDE,
    "true_divide": _DIVIDE,
    "truediv": _DIVIDE,
    "itruediv": _DIVIDE,
    "idiv": _DIVIDE,
    "rdiv": _DIVIDE_REVERSED,
    "rtruediv": _DIVIDE_REVERSED,
    "neg": entry("input", _negative),
    "negative": entry("input", _negative),
    "masked_fill": entry("input mask value", _filled),
    "where": entry("condition input other", _where),
}
