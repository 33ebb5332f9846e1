"""From a graph to the shifts that are reported.

They are carried from the input on; where noise stands directly before a norm layer, what the layer
has stored gives them without anything carried.
"""

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from normdrop.shifts.graph import Captured, Graph, Kind, Node, Noise, Reshape
from normdrop.shifts.moments._engine import Walk, drawing, match_calls
from normdrop.shifts.moments._norm import Sighting
from normdrop.shifts.report import LayerShift, ShiftReport
from normdrop.theory import variance_before_noise

_SKETCH = (
    "These weights are trained: moments know nothing of what they have learned to correlate, and "
    "are no more than a sketch except where noise stands directly before a norm layer."
)


def carried_report(captured: Captured) -> ShiftReport:
    """The shift at every norm layer from carried means and variances.

    Where noise stands directly before a norm layer of a trained model, the stored statistics alone
    give the shift.
    """
    layers = {layer.path: layer for layer in expected_shifts(captured)}
    if not _is_trained(captured):
        return ShiftReport(list(layers.values()), "moments")
    layers.update({layer.path: layer for layer in stored_shifts(captured)})
    return ShiftReport(list(layers.values()), "moments", notes=(_SKETCH,))


def _is_trained(captured: Captured) -> bool:
    """Whether any running variance differs from that of a new layer; means may hold a bias."""
    variances = (
        norm.parameters["running_var"]
        for norm in captured.train.of_kind(Kind.NORM)
        if "running_var" in norm.parameters
    )
    return any(bool(np.any(variance.read() != 1)) for variance in variances)


# Noise layers left out per walk: bounds the memory, not the result.
_AT_ONCE = 32


def expected_shifts(
    captured: Captured, *, mean: float = 0.0, variance: float = 1.0, blame: bool = True
) -> list[LayerShift]:
    """The expected shift at every norm layer with running statistics, without data.

    Means and variances of train mode and of eval mode are carried side by side from the input
    through the graph. Every norm layer sets the train side to mean β and variance γ²; the eval side
    keeps what it differs by, as it is divided by the train side's statistics.

    Args:
        captured: The model as a graph, in both modes.
        mean: Mean of the model's inputs.
        variance: Variance of the model's inputs, which are independent from position to position.
        blame: Whether to share log Δ out among the noise layers, each by what its absence would
            change.

    Returns:
        One value per norm layer, in the order of their first calls; `unknown` behind an operation
        that the method cannot follow, up to and including the next norm layer.
    """
    graph = captured.train
    noises, modes = drawing(graph), match_calls(captured)
    left_out: list[Sequence[str]] = [()]
    if blame and noises:
        left_out = [noises[i : i + _AT_ONCE] for i in range(0, len(noises), _AT_ONCE)]
    walks = [Walk(graph, modes, part, mean, variance).run() for part in left_out]
    calls: defaultdict[str, list[int]] = defaultdict(list)
    for node in walks[0]:
        calls[graph[node].layer].append(node)
    return [_carried_layer(graph, path, nodes, walks, left_out) for path, nodes in calls.items()]


def _carried_layer(
    graph: Graph,
    path: str,
    nodes: Sequence[int],
    walks: Sequence[dict[int, Sighting]],
    left_out: Sequence[Sequence[str]],
) -> LayerShift:
    """One layer over all its calls, whose statistics it averages."""
    first = graph[nodes[0]]
    reasons = [walks[0][node].unknown for node in nodes if walks[0][node].unknown]
    if reasons:
        axis = 1 if first.channel_axis is None else first.channel_axis
        return LayerShift.without_value(path, "moments", first.shape[axis], reasons[0])
    seen = [
        _average([walk[node].grown(1 + len(names)) for node in nodes])
        for walk, names in zip(walks, left_out, strict=True)
    ]
    changes = {}
    for names, sight in zip(left_out, seen, strict=True):
        # Dead at the end of a deep model; what comes of it is no number, and shares nothing out.
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(sight.eval_variance.mean(axis=1) / sight.train_variance.mean(axis=1))
            changes.update({name: logs[i] - logs[0] for i, name in enumerate(names, start=1)})
    sight = seen[0]
    return LayerShift(
        path,
        "moments",
        eval_mean=sight.eval_mean[0],
        eval_variance=sight.eval_variance[0],
        train_mean=sight.train_mean[0],
        train_variance=sight.train_variance[0],
        causes=shares(changes),
    )


def shares(changes: dict[str, float]) -> dict[str, float]:
    """Each noise layer's part of all changes, largest first; none where nothing changes.

    Example:
        >>> shares({"a": 0.1, "b": 0.3, "c": 0.0})
        {'b': 0.75, 'a': 0.25}
    """
    total = sum(changes.values())
    if not math.isfinite(total) or abs(total) < 1e-6:  # noqa: PLR2004 - a millionth of log Δ
        return {}
    parts = {name: float(change / total) for name, change in changes.items()}
    ranked = sorted(parts.items(), key=lambda item: -abs(item[1]))
    return {name: round(part, 12) for name, part in ranked if abs(part) > 1e-6}  # noqa: PLR2004


def _average(sightings: Sequence[Sighting]) -> Sighting:
    names = ("train_mean", "train_variance", "eval_mean", "eval_variance")
    return Sighting(*(np.mean([getattr(s, name) for s in sightings], axis=0) for name in names))


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
                found.append(_stored_layer(norm, noises))
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


def _stored_layer(norm: Node, noises: dict[str, float]) -> LayerShift:
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
