"""Which edges of a graph carry which noise, and what is known of the norms at their ends."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from normdrop.shifts.graph import Graph, Kind, Node
from normdrop.shifts.graph.paths import active_noise, noise_before
from normdrop.values.severity import Severity, severity

_NO_FLOW = {Kind.PARAMETER, Kind.CONSTANT}
_SMALLEST_SHARE = 0.1
Edge = tuple[int, int]


@dataclass(frozen=True, slots=True)
class NormMark:
    """What is known of one norm layer.

    Attributes:
        shift: Eval variance / train variance; NaN where it is not known.
        causes: Noise layer path to its share of log Δ.
        unknown: Why the shift is not known, or an empty string.
        cost: What the shift costs, in words; empty where that is not known.

    >>> NormMark(0.5).level, NormMark(1.0).level, NormMark(float("nan")).level
    ('error', 'ok', 'unknown')
    """

    shift: float
    causes: Mapping[str, float] = field(default_factory=dict)
    unknown: str = ""
    cost: str = ""

    @property
    def level(self) -> str:
        """`"error"`, `"warning"`, `"ok"` or `"unknown"`."""
        if math.isnan(self.shift):
            return "unknown"
        found: Severity = severity(self.shift)
        return "ok" if found == "note" else found

    @property
    def distance(self) -> float:
        """|log Δ|; below any other where it is not known."""
        if math.isnan(self.shift):
            return -1.0
        return abs(math.log(self.shift)) if self.shift > 0 else math.inf


@dataclass(frozen=True)
class NoiseFlow:
    """A graph without what is no flow, and the noise on it.

    Attributes:
        nodes: The nodes that are drawn: no parameters, constants, or views of a tensor.
        edges: Pairs of their ids, each with the noise it carries, by number.
        numbers: Noise layer path to its number, from 1, in the order of the flow.
        reached: Noise number to the layers of the norms it reaches.
        sources: Norm layer path to the numbers of the noise that reaches it.
    """

    nodes: tuple[Node, ...]
    edges: Mapping[Edge, frozenset[int]]
    numbers: Mapping[str, int]
    reached: Mapping[int, tuple[str, ...]]
    sources: Mapping[str, tuple[int, ...]]

    def blamed(self, norm: str, mark: NormMark) -> tuple[int, ...]:
        """The noise that a norm's shift comes from, the largest part first.

        Where nobody has asked for causes, all noise that reaches it.
        """
        if mark.level == "ok":
            return ()
        ranked = sorted(mark.causes.items(), key=lambda item: -item[1])
        known = tuple(
            self.numbers[path]
            for path, share in ranked
            if path in self.numbers and share >= _SMALLEST_SHARE
        )
        return known or self.sources.get(norm, ())


def noise_flow(graph: Graph) -> NoiseFlow:
    """The flow of a graph, and which noise goes where.

    Noise that the next norm with running statistics meets ends there; what goes around it, over a
    shortcut, goes on.
    """
    shown = _shown(graph)
    numbers: dict[str, int] = {}
    for node in active_noise(graph):
        numbers.setdefault(node.layer, len(numbers) + 1)
    carried: defaultdict[Edge, set[int]] = defaultdict(set)
    reached: dict[int, dict[str, None]] = {number: {} for number in numbers.values()}
    for norm in graph:
        if not norm.carries_statistics:
            continue
        for path in noise_before(graph, norm):
            number = numbers[path.noise.layer]
            reached[number][norm.layer] = None
            on_way = {path.noise.id, norm.id, *(node.id for node in path.between)}
            for target in on_way - {path.noise.id}:
                for source in graph[target].inputs:
                    if source in on_way and source != norm.id:
                        carried[shown[source], shown[target]].add(number)
    nodes = tuple(node for node in graph if shown[node.id] == node.id)
    edges = {
        (shown[source], node.id): frozenset(carried[shown[source], node.id])
        for node in nodes
        for source in node.inputs
        if shown[source] >= 0
    }
    sources: defaultdict[str, list[int]] = defaultdict(list)
    for number, norms in reached.items():
        for norm_layer in norms:
            sources[norm_layer].append(number)
    return NoiseFlow(
        nodes,
        edges,
        numbers,
        {number: tuple(norms) for number, norms in reached.items()},
        {norm_layer: tuple(found) for norm_layer, found in sources.items()},
    )


def _shown(graph: Graph) -> list[int]:
    """For each node the one that stands for it in a picture; -1 for none.

    A tensor's other shapes and its parts are the tensor, where a function and no layer makes them.
    """
    shown: list[int] = []
    for node in graph:
        flowing = [each for each in node.inputs if shown[each] >= 0]
        if node.kind in _NO_FLOW:
            shown.append(-1)
        elif node.kind is Kind.RESHAPE and node.layer.endswith(")") and len(flowing) == 1:
            shown.append(shown[flowing[0]])
        else:
            shown.append(node.id)
    return shown
