"""From what norm layers see to the shifts that are reported."""

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from normdrop.shifts.graph import Captured, Graph
from normdrop.shifts.moments._engine import Walk
from normdrop.shifts.moments._modes import drawing, match_calls
from normdrop.shifts.moments._norm import Sighting
from normdrop.shifts.report import LayerShift

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
    return [_layer(graph, path, nodes, walks, left_out) for path, nodes in calls.items()]


def _layer(
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
