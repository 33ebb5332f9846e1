"""Noise directly before a norm layer, from the statistics the layer has stored."""

import numpy as np

from normdrop.shifts.graph import Captured, Graph, Kind, Node, Noise, Reshape
from normdrop.shifts.moments._report import shares
from normdrop.shifts.report import LayerShift
from normdrop.theory import variance_before_noise


def stored_shifts(captured: Captured) -> list[LayerShift]:
    """The shift at every norm layer that noise feeds directly, exact for settled statistics.

    A noise of mean 1 and second moment f keeps the mean μ and makes the variance s² of what had
    variance v, so v = (s² + μ²) / f − μ². Trained weights need no further assumption, but the
    running statistics must have settled; where v comes out negative they cannot have.

    Args:
        captured: The model as a graph, in both modes.

    Returns:
        One value per norm layer that is called once, keeps running statistics and has nothing but
        noise of mean 1 between it and its input; the other layers are left out.
    """
    graph = captured.train
    found = []
    for norm in graph.of_kind(Kind.NORM):
        stored = {"running_mean", "running_var"} <= set(norm.parameters)
        if norm.carries_statistics and stored and len(graph.of_layer(norm.layer)) == 1:
            noises = _noises_before(graph, norm)
            if noises:
                found.append(_layer(norm, noises))
    return found


def _noises_before(graph: Graph, norm: Node) -> dict[str, float]:
    """Second-moment factor of every noise layer directly before a norm layer."""
    factors: dict[str, float] = {}
    (node,) = graph.sources(norm)[:1]
    while len(node.inputs) == 1:
        noise, shape = node.details, node.details
        if isinstance(noise, Noise) and (noise.mean, noise.offset, noise.fill) == (1.0, 0.0, 0.0):
            if noise.active:
                factors[node.layer] = noise.second_moment_factor
        elif not (isinstance(shape, Reshape) and shape.how == "copy"):
            break
        (node,) = graph.sources(node)
    return factors


def _layer(norm: Node, noises: dict[str, float]) -> LayerShift:
    mean, variance = (
        np.asarray(norm.parameters[name].read(), dtype=np.float64)
        for name in ("running_mean", "running_var")
    )
    before = np.asarray(
        variance_before_noise(float(np.prod(list(noises.values()))), mean, variance)
    )
    if np.isnan(before).any():
        count = int(np.isnan(before).sum())
        reason = (
            f"the stored statistics of {count} of {before.size} channels cannot come from noise "
            "directly before the layer: they lag behind the weights"
        )
        return LayerShift.without_value(norm.layer, "moments", before.size, reason)
    return LayerShift(
        norm.layer,
        "moments",
        eval_mean=mean,
        eval_variance=before,
        train_mean=mean,
        train_variance=variance,
        causes=shares({layer: float(np.log(factor)) for layer, factor in noises.items()}),
    )
