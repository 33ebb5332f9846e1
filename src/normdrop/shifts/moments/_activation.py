"""Element-wise functions, applied to the points of a distribution."""

from collections.abc import Callable, Mapping

import numpy as np

from normdrop.shifts.graph import Activation, Node
from normdrop.shifts.moments._flow import Edge, Flow, Unknown
from normdrop.theory import Array, elu, gelu, selu, sigmoid, silu

Settings = Mapping[str, float | str]


def _number(settings: Settings, name: str, default: float) -> float:
    return float(settings.get(name, default))


def _gelu(x: Array, settings: Settings) -> Array:
    return gelu(x, approximate=settings.get("approximate", "none") == "tanh")


def _softplus(x: Array, settings: Settings) -> Array:
    beta = _number(settings, "beta", 1.0)
    return np.asarray(np.logaddexp(0.0, beta * x) / beta)


def _celu(x: Array, settings: Settings) -> Array:
    alpha = _number(settings, "alpha", 1.0)
    return np.asarray(alpha * elu(x / alpha))


def _clip(x: Array, settings: Settings) -> Array:
    return np.clip(x, _number(settings, "min_val", -1.0), _number(settings, "max_val", 1.0))


FUNCTIONS: dict[str, Callable[[Array, Settings], Array]] = {
    "identity": lambda x, _: x,
    "relu": lambda x, _: np.maximum(x, 0.0),
    "relu6": lambda x, _: np.clip(x, 0.0, 6.0),
    "leaky_relu": lambda x, s: np.where(x > 0, x, _number(s, "negative_slope", 0.01) * x),
    "elu": lambda x, s: elu(x, _number(s, "alpha", 1.0)),
    "celu": _celu,
    "selu": lambda x, _: selu(x),
    "gelu": _gelu,
    "silu": lambda x, _: silu(x),
    "mish": lambda x, _: np.asarray(x * np.tanh(np.logaddexp(0.0, x))),
    "sigmoid": lambda x, _: sigmoid(x),
    "logsigmoid": lambda x, _: np.asarray(-np.logaddexp(0.0, -x)),
    "tanh": lambda x, _: np.tanh(x),
    "softplus": _softplus,
    "softsign": lambda x, _: np.asarray(x / (1 + np.abs(x))),
    "hardtanh": _clip,
    "hardsigmoid": lambda x, _: np.clip(x / 6 + 0.5, 0.0, 1.0),
    "hardswish": lambda x, _: np.asarray(x * np.clip(x / 6 + 0.5, 0.0, 1.0)),
    "tanhshrink": lambda x, _: np.asarray(x - np.tanh(x)),
    "abs": lambda x, _: np.abs(x),
    "square": lambda x, _: np.asarray(x**2),
    "exp": lambda x, _: np.exp(x),
    "sin": lambda x, _: np.sin(x),
    "cos": lambda x, _: np.cos(x),
}
"""Every activation the moments follow, by the graph's name for it."""


def activate(node: Node, flow: Flow) -> Edge:
    """Moments behind an activation: the points moved, and the correlations by Hermite terms."""
    details = node.details
    if not isinstance(details, Activation):
        return Unknown(f"{node.operation} is not followed")
    points = flow.points
    if details.name == "prelu" and "weight" in node.parameters:
        slope = node.parameters["weight"].read().reshape(1, -1, 1)
        values = np.where(points.values > 0, points.values, slope * points.values)
    elif details.name == "pow" and _number(details.settings, "exponent", 0.5).is_integer():
        values = points.values ** _number(details.settings, "exponent", 1.0)
    elif details.name in FUNCTIONS:
        values = FUNCTIONS[details.name](points.values, details.settings)
    else:
        return Unknown(f"the activation {details.name} is not followed")
    return flow.of_points(points.moved(values), gain=_slope(flow, values))


def _slope(flow: Flow, values: Array) -> Array:
    """Mean slope of the function, as Cov[f(x), x] / Var[x]."""
    if not flow.common.shape[1]:
        return np.ones_like(flow.mean)
    points = flow.points
    centred = (points.values - points.mean[..., None]) * points.weights
    return np.asarray((centred * values).sum(axis=-1) / np.maximum(points.variance, 1e-30))
