"""Element-wise functions, applied to the points of a distribution."""

import numpy as np

from normdrop.shifts.graph import Activation, Node
from normdrop.shifts.moments._flow import Edge, Flow, Unknown
from normdrop.theory import Array
from normdrop.values.operations import ACTIVATIONS


def activate(node: Node, flow: Flow) -> Edge:
    """Moments behind an activation: the points moved, and the correlations by Hermite terms."""
    details = node.details
    if not isinstance(details, Activation):
        return Unknown(f"{node.operation} is not followed")
    points = flow.points
    if details.name == "prelu" and "weight" in node.parameters:
        slope = node.parameters["weight"].read().reshape(1, -1, 1)
        values = np.where(points.values > 0, points.values, slope * points.values)
    elif details.name == "pow" and float(details.settings.get("exponent", 0.5)).is_integer():
        values = points.values ** float(details.settings["exponent"])
    elif details.name in ACTIVATIONS and ACTIVATIONS[details.name].function:
        values = ACTIVATIONS[details.name].values(np, points.values, details.settings)
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
