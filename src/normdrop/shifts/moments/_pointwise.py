"""What acts on every unit by itself: activations, and noise in the scenarios in which it draws."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from normdrop.shifts.graph import Activation, Along, Distribution, Node, Noise
from normdrop.shifts.moments._atoms import Atoms
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


# Three points that match a standard Gaussian's, or a uniform's on [−1, 1], first five moments.
_GAUSSIAN = (np.sqrt(3.0), 1 / 6)
_UNIFORM = (np.sqrt(0.6), 5 / 18)
_MOST_POINTS = 600


def add_noise(node: Node, flow: Flow, on: npt.NDArray[np.bool_]) -> Edge:
    """Moments behind a noise, in the scenarios (rows) where `on` holds; elsewhere the input."""
    noise = node.details
    if (
        not isinstance(noise, Noise)
        or not np.isfinite([noise.second_moment_factor, noise.mean]).all()
    ):
        return Unknown(f"the strength of {node.layer or node.operation} cannot be read")
    if noise.along is Along.SAMPLE:
        return _sample_wise(noise, flow, on)
    shared = noise.along is not Along.ELEMENT and bool(flow.extents)
    if noise.distribution is Distribution.BERNOULLI:
        gain = np.where(on, noise.mean, 1.0)[:, None]
        return flow.of_points(_dropped(noise, flow.points, on, shared=shared), gain=gain)
    if shared or flow.points.values.shape[-1] * 3 > _MOST_POINTS:
        return _moments_only(noise, flow, on, shared=shared)
    gain = np.where(on, noise.mean, 1.0)[:, None]
    return flow.of_points(_scattered(noise, flow.points, on), gain=gain)


def _dropped(noise: Noise, points: Atoms, on: npt.NDArray[np.bool_], *, shared: bool) -> Atoms:
    """Every point kept and scaled, and one more where the dropped units go."""
    rows = on[:, None, None]
    kept = np.where(rows, noise.scale * points.values + noise.offset, points.values)
    spike = np.full((*kept.shape[:2], 1), noise.scale * noise.fill + noise.offset)
    rate = np.where(rows, noise.rate, 0.0)
    weights = points.weights * (1 - rate)
    lost = np.broadcast_to(rate, (*weights.shape[:2], 1))
    nowhere = np.full((*points.scores.shape[:2], 1), np.nan)
    return Atoms(
        np.concatenate([kept, spike], axis=-1),
        np.concatenate([weights, lost], axis=-1),
        np.concatenate([points.scores, nowhere], axis=-1),
        points.window,
        np.append(points.shared, shared),
    )


def _scattered(noise: Noise, points: Atoms, on: npt.NDArray[np.bool_]) -> Atoms:
    """Every point thrice, multiplied by three values of the noise."""
    gaussian = noise.distribution is Distribution.GAUSSIAN
    reach, weight = _GAUSSIAN if gaussian else _UNIFORM
    spread = np.where(on, noise.spread, 0.0)[:, None, None] * reach
    size = (len(on), *points.values.shape[1:])
    values, weights, scores = (
        np.broadcast_to(array, size) for array in (points.values, points.weights, points.scores)
    )
    scale = np.where(on, noise.scale, 1.0)[:, None, None]
    offset = np.where(on, noise.offset, 0.0)[:, None, None]
    factors = [1 - spread, np.ones_like(spread), 1 + spread]
    return Atoms(
        np.concatenate([scale * values * factor + offset for factor in factors], axis=-1),
        np.concatenate([weights * part for part in (weight, 1 - 2 * weight, weight)], axis=-1),
        np.concatenate([scores] * 3, axis=-1),
        points.window,
        np.tile(points.shared, 3),
    )


def _factors(noise: Noise, on: npt.NDArray[np.bool_]) -> tuple[Array, Array]:
    """Mean and second moment of the multiplier, one column each."""
    level, factor = (np.where(on, each, 1.0) for each in (noise.mean, noise.second_moment_factor))
    return level[:, None], factor[:, None]


def _moments_only(noise: Noise, flow: Flow, on: npt.NDArray[np.bool_], *, shared: bool) -> Flow:
    """Continuous noise by its second moment alone, the distribution taken as Gaussian."""
    level, factor = _factors(noise, on)
    offset = np.where(on, noise.offset, 0.0)[:, None]
    extra = (factor - level**2) * (flow.mean**2 + flow.total)
    variance = level**2 * flow.variance + extra
    own = (level**2 * flow.variance).sum(axis=1)
    added = extra.sum(axis=1) * (1.0 if shared else 0.0)
    window = flow.window.covariance(
        lambda r: own[:, None] * r + added[:, None], variance.sum(axis=1)
    )
    common = flow.common * level[:, None]
    return flow.gaussian(level * flow.mean + offset, variance, window, None, common)


def _sample_wise(noise: Noise, flow: Flow, on: npt.NDArray[np.bool_]) -> Flow:
    """One draw for a whole sample: its channels and positions rise and fall together."""
    level, factor = _factors(noise, on)
    offset = np.where(on, noise.offset, 0.0)[:, None]
    swing = np.sqrt(np.maximum(factor - level**2, 0.0))
    root = np.sqrt(factor)
    atoms = None
    if noise.distribution is Distribution.BERNOULLI:
        atoms = _dropped(noise, flow.points, on, shared=bool(flow.extents))
    common = np.concatenate([flow.common * root[:, None], (swing * flow.mean)[:, None]], axis=1)
    moved = flow.gaussian(
        level * flow.mean + offset, factor * flow.variance, flow.window, None, common
    )
    return replace(moved, atoms=atoms)
