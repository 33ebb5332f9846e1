"""Norm layers: where the carrying starts anew, and where a shift shows."""

from dataclasses import dataclass

import numpy as np

from normdrop.shifts.graph import Node
from normdrop.shifts.moments._flow import Edge, Flow, Unknown
from normdrop.shifts.moments._reshape import unfolded, with_channels
from normdrop.shifts.moments._window import Window
from normdrop.theory import Array


@dataclass(frozen=True)
class Sighting:
    """What one call of a norm layer sees, one row per pair of scenarios.

    Attributes:
        train_mean, train_variance: In train mode, shape (pairs, channels).
        eval_mean, eval_variance: In eval mode.
        unknown: Why nothing is known, or an empty string; the arrays are then empty.
    """

    train_mean: Array
    train_variance: Array
    eval_mean: Array
    eval_variance: Array
    unknown: str = ""

    def grown(self, pairs: int) -> "Sighting":
        """The same with as many pairs, those that are missing equal to the first."""
        rows = [*range(len(self.train_mean)), *[0] * (pairs - len(self.train_mean))]
        return Sighting(
            self.train_mean[rows],
            self.train_variance[rows],
            self.eval_mean[rows],
            self.eval_variance[rows],
        )


def blind(reason: str) -> Sighting:
    """A call of which nothing is known."""
    nothing = np.zeros((0, 0))
    return Sighting(nothing, nothing, nothing, nothing, reason)


def normalise(node: Node, edge: Edge) -> tuple[Edge, Sighting | None]:
    """The flow behind a norm layer, and what it sees if it keeps running statistics."""
    norm = node.norm
    if norm is None:
        return Unknown(f"{node.operation} is not followed"), None
    sees = norm.carries_statistics
    if isinstance(edge, Flow) and norm.family in {"batch", "instance"}:
        axis = 1 if node.channel_axis is None else node.channel_axis
        edge = with_channels(unfolded(edge), axis)
    if isinstance(edge, Flow) and norm.family not in {"batch", "instance"} and edge.folded:
        edge = unfolded(edge)
    if not isinstance(edge, Flow):
        reason = edge.reason if isinstance(edge, Unknown) else "its input is a constant"
        fresh = _fresh(node) if norm.family == "batch" else Unknown(reason)
        return fresh, blind(reason) if sees else None
    if norm.family == "batch":
        return _batch(node, edge, norm.eps, sees=sees, own=norm.uses_batch_statistics)
    if norm.family == "instance":
        seen = blind("statistics of single samples are not followed") if sees else None
        return _instance(node, edge, norm.eps), seen
    if norm.family in {"layer", "group", "rms"}:
        return _across(node, edge, norm.eps), None
    return Unknown(f"{norm.family} normalization is not followed"), None


def _affine(node: Node, flow: Flow, mean: Array, variance: Array, eps: float) -> Edge:
    """`gamma * (x - mean) / sqrt(variance + eps) + beta`."""
    gamma, beta = (_parameter(node, name, flow.channels) for name in ("gamma", "beta"))
    if gamma is None or beta is None:
        return Unknown(f"{node.layer} scales positions one by one")
    factor = gamma / np.sqrt(variance + eps)
    return flow.scaled(factor, beta - mean * factor)


def _parameter(node: Node, name: str, channels: int) -> Array | None:
    if name not in node.parameters:
        return np.full(1, 1.0 if name == "gamma" else 0.0)
    values = np.asarray(node.parameters[name].read(), dtype=np.float64)
    return values.reshape(-1) if values.size == channels else None


def _batch(
    node: Node, flow: Flow, eps: float, *, sees: bool, own: bool
) -> tuple[Edge, Sighting | None]:
    """Train mode normalises by its own statistics, eval mode by those of train mode."""
    if sees and not own:
        kept = [node.parameters[name].read() for name in ("running_mean", "running_var")]
        moved = _affine(node, flow, kept[0][None], kept[1][None], eps)
        return moved, blind("it is frozen: train mode does not update its statistics")
    mean, variance = flow.mean, flow.total
    if not sees:
        return _affine(node, flow, mean, variance, eps), None
    seen = Sighting(mean[0::2], variance[0::2], mean[1::2], variance[1::2])
    stored_mean, stored = mean[0::2].repeat(2, axis=0), variance[0::2].repeat(2, axis=0)
    return _affine(node, flow, stored_mean, stored, eps), seen


def _instance(node: Node, flow: Flow, eps: float) -> Edge:
    """Each map by its own mean and variance: what is common to a map is gone."""
    flat = flow.window.far[:, None]
    variance = flow.variance * (1 - flat)
    scale = np.where(flat < 1, 1 / np.maximum(1 - flat, 1e-6), 0.0)[:, 0]
    lifted = flow.window.covariance(
        lambda r: (r - flow.window.far[:, None]) * scale[:, None], np.ones(flow.scenarios)
    )
    return _affine(node, flow.gaussian(flow.mean, variance, lifted), flow.mean, variance, eps)


def _across(node: Node, flow: Flow, eps: float) -> Edge:
    """Layer, group and RMS norm: channels of a sample share their statistics."""
    norm = node.norm
    if norm is None or (norm.family != "group" and flow.channel not in norm.axes):
        return Unknown(f"{node.layer} normalises over other axes than the channels'")
    groups = norm.groups if norm.family == "group" else 1
    shape = (flow.scenarios, groups, -1)
    mean = flow.mean.reshape(shape).mean(axis=2, keepdims=True)
    if norm.family == "rms":
        mean = np.zeros_like(mean)
    square = (flow.total + flow.mean**2).reshape(shape).mean(axis=2, keepdims=True)
    size = flow.channels // groups
    spread = (square - mean**2).repeat(size, axis=2).reshape(flow.mean.shape)
    return _affine(node, flow, mean.repeat(size, axis=2).reshape(flow.mean.shape), spread, eps)


def _fresh(node: Node) -> Flow:
    """What every batch norm leaves in train mode, taken for both modes: mean β, variance γ²."""
    axis = 1 if node.channel_axis is None else node.channel_axis
    channels = node.shape[axis]
    extents = tuple(n for i, n in enumerate(node.shape) if i not in {0, axis})
    gamma, beta = (_parameter(node, name, channels) for name in ("gamma", "beta"))
    shape = (2, channels)
    return Flow(
        np.array(np.broadcast_to(0.0 if beta is None else beta, shape)),
        np.array(np.broadcast_to(1.0 if gamma is None else gamma**2, shape)),
        Window.constant(2, extents),
        np.zeros((2, 0, channels)),
        extents,
        axis,
    )
