"""The walk through a graph."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normdrop.shifts.graph import Along, Captured, Graph, Kind, Node
from normdrop.shifts.graph.paths import noise_before
from normdrop.shifts.moments._flow import Edge, Fixed, Flow, Unknown
from normdrop.shifts.moments._merge import add, concatenate, multiply
from normdrop.shifts.moments._norm import Sighting, blind, normalise
from normdrop.shifts.moments._pointwise import activate, add_noise
from normdrop.shifts.moments._pooling import pooled_moments, resample
from normdrop.shifts.moments._reshape import reshape
from normdrop.shifts.moments._weights import weigh
from normdrop.shifts.moments._window import Window


@dataclass(frozen=True)
class Modes:
    """The differences between the two graphs of a model, in terms of the train graph.

    Attributes:
        awake: Noise layers that draw in eval mode too.
        train_only: Nodes that eval mode does not run, with the noise layer they belong to: the
            rescaling that a hand-written dropout does beside its mask; empty where there is none.
        blocked: Nodes behind which eval mode runs something that train mode does not, and what.
    """

    awake: frozenset[str]
    train_only: dict[int, str]
    blocked: dict[int, str]


def match_calls(captured: Captured) -> Modes:
    """Match the calls of both graphs by layer, operation and order."""
    train, evaluated = captured.train, captured.eval
    counterpart = _matched(train, evaluated)
    back = {there: here for here, there in counterpart.items()}
    train_only = {
        node.id: _noise_beside(train, node) for node in train if node.id not in counterpart
    }
    blocked = {}
    for node in evaluated:
        if node.id not in back:
            for source in node.inputs:
                if source in back:
                    blocked[back[source]] = f"eval mode alone runs {node.operation} here"
    return Modes(frozenset(drawing(evaluated)), train_only, blocked)


def drawing(graph: Graph) -> list[str]:
    """Layers that draw noise in this mode, in the order of their calls."""
    nodes = graph.of_kind(Kind.NOISE)
    return list(dict.fromkeys(node.layer for node in nodes if node.noise and node.noise.active))


def _matched(train: Graph, evaluated: Graph) -> dict[int, int]:
    """Train node to eval node."""
    places: defaultdict[tuple[str, str, str, int], list[int]] = defaultdict(list)
    for graph in (train, evaluated):
        seen: Counter[tuple[str, str, str]] = Counter()
        for node in graph:
            key = (node.kind, node.operation, node.layer or node.module)
            places[*key, seen[key]].append(node.id if graph is train else ~node.id)
            seen[key] += 1
    return {here: ~there for here, there in (p for p in places.values() if len(p) == 2)}  # noqa: PLR2004


def _noise_beside(graph: Graph, node: Node) -> str:
    """The noise layer a call feeds or follows."""
    near = (*graph.consumers(node), *graph.sources(node), node)
    return next((other.layer for other in near if other.kind is Kind.NOISE), "")


@dataclass
class Walk:
    """One walk: which noise layers are left out in which pair of scenarios, and what was seen.

    Attributes:
        graph: The train-mode graph.
        modes: Where eval mode differs from it.
        without: Pair p ≥ 1 of scenarios runs without the noise layer `without[p - 1]`.
        mean: Mean of the model's inputs.
        variance: Variance of the model's inputs.
    """

    graph: Graph
    modes: Modes
    without: Sequence[str] = ()
    mean: float = 0.0
    variance: float = 1.0

    def run(self) -> dict[int, Sighting]:
        """What every norm layer with running statistics sees, by node."""
        edges: dict[int, Edge] = {}
        sightings: dict[int, Sighting] = {}
        waiting = {node.id: len(self.graph.consumers(node)) for node in self.graph}
        for node in self.graph:
            inputs = self._level([edges[source] for source in node.inputs], node)
            edge, seen = self._step(node, inputs)
            if seen is not None:
                sightings[node.id] = seen
            if node.id in self.modes.train_only and node.kind is not Kind.NOISE:
                edge = self._where_run(node, edge, inputs)
            if node.id in self.modes.blocked:
                edge = Unknown(self.modes.blocked[node.id])
            edges[node.id] = edge
            for source in dict.fromkeys(node.inputs):
                waiting[source] -= 1
                if not waiting[source]:
                    del edges[source]
        return sightings

    def drawing(self, layer: str, scenarios: int) -> npt.NDArray[np.bool_]:
        """The scenarios in which a noise layer draws."""
        on = np.zeros((scenarios // 2, 2), dtype=bool)
        on[:, 0] = True
        on[:, 1] = layer in self.modes.awake
        if layer in self.without:
            on[1 + self.without.index(layer)] = False
        return on.reshape(-1)

    def _level(self, edges: list[Edge], node: Node) -> list[Edge]:
        """The inputs with as many pairs each: those of the others, and that of a noise's absence.

        Up to the first call of the noise layer it lacks, a pair is the first pair again, so it is
        carried from there on only.
        """
        by_mode = self.modes.train_only.get(node.id)  # noise goes by its own name, see `drawing`
        layer = node.layer if node.kind is Kind.NOISE else by_mode
        rows = [edge.scenarios for edge in edges if isinstance(edge, Flow)]
        if layer in self.without:
            rows.append(2 * (2 + self.without.index(layer)))
        grown = {
            id(edge): edge.grown(max(rows)) if isinstance(edge, Flow) else edge for edge in edges
        }
        return [grown[id(edge)] for edge in edges]

    def _where_run(self, node: Node, edge: Edge, inputs: Sequence[Edge]) -> Edge:
        """A call of train mode alone, such as the rescaling of a hand-written dropout."""
        flows = [each for each in inputs if isinstance(each, Flow)]
        if not isinstance(edge, Flow) or not flows:
            return edge
        on = self.drawing(self.modes.train_only[node.id], edge.scenarios)
        moved = edge.where(on, flows[0])
        return moved or Unknown(f"train mode alone runs {node.operation} in {node.module}")

    def _step(self, node: Node, edges: list[Edge]) -> tuple[Edge, Sighting | None]:
        if node.kind is Kind.NORM:
            if node.id in self.modes.train_only:
                reason = "eval mode does not call it"
                return Unknown(reason), blind(reason) if node.carries_statistics else None
            if not node.carries_statistics and self._drops_samples(node):
                return Unknown(f"{node.layer} normalises dropped samples and others apart"), None
            return normalise(node, edges[0])
        return self._edge(node, edges), None

    def _drops_samples(self, norm: Node) -> bool:
        """Whether noise that drops whole samples reaches a norm of single samples.

        Such a norm keeps a dropped sample at zero and undoes the scale of the others.
        """
        found = (path.noise.noise for path in noise_before(self.graph, norm))
        return any(noise is not None and noise.along is Along.SAMPLE for noise in found)

    def _edge(self, node: Node, edges: list[Edge]) -> Edge:
        if node.kind in _SOURCES:
            return _SOURCES[node.kind](self, node)
        if node.kind in _SEVERAL:
            return _SEVERAL[node.kind](node, edges)
        if node.kind not in _SINGLE or not edges:
            return Unknown(f"{node.operation} in {node.module or 'the model'} is not followed")
        if not isinstance(edges[0], Flow):
            return edges[0]
        return _SINGLE[node.kind](self, node, edges[0])

    def shape_of(self, node: Node) -> tuple[int, ...]:
        """Shape of a node's first input."""
        return self.graph[node.inputs[0]].shape


def _noise(walk: Walk, node: Node, flow: Flow) -> Edge:
    noise = node.noise
    if noise is not None and not noise.active:
        return flow
    return add_noise(node, flow, walk.drawing(node.layer, flow.scenarios))


_SOURCES: dict[Kind, Callable[[Walk, Node], Edge]] = {
    Kind.INPUT: lambda walk, node: _input(node, walk),
    Kind.PARAMETER: lambda _, node: _fixed(node),
    Kind.CONSTANT: lambda _, node: _fixed(node),
}
_SINGLE: dict[Kind, Callable[[Walk, Node, Flow], Edge]] = {
    Kind.NOISE: _noise,
    Kind.WEIGHT: lambda _, node, flow: weigh(node, flow),
    Kind.ACTIVATION: lambda _, node, flow: activate(node, flow),
    Kind.POOL: lambda walk, node, flow: pooled_moments(node, flow, walk.shape_of(node)),
    Kind.RESAMPLE: lambda _, node, flow: resample(node, flow),
    Kind.RESHAPE: lambda walk, node, flow: reshape(node, flow, walk.shape_of(node)),
}
_SEVERAL: dict[Kind, Callable[[Node, Sequence[Edge]], Edge]] = {
    Kind.ADD: add,
    Kind.MULTIPLY: multiply,
    Kind.CONCATENATE: concatenate,
}


def _input(node: Node, walk: Walk) -> Edge:
    """Independent values of the stated mean and variance, channels first."""
    if len(node.shape) < 2 or not node.dtype.startswith(("float", "bfloat")):  # noqa: PLR2004
        return Unknown(f"the input {node.operation} is not a tensor of real features")
    shape = (2, node.shape[1])
    return Flow(
        np.full(shape, walk.mean),
        np.full(shape, walk.variance),
        Window.constant(2, node.shape[2:]),
        np.zeros((2, 0, node.shape[1])),
        tuple(node.shape[2:]),
    )


def _fixed(node: Node) -> Edge:
    if "value" in node.parameters:
        # A tensor that was drawn or computed without numbers has none to give.
        with suppress(NotImplementedError):
            return Fixed(np.asarray(node.parameters["value"].read(), dtype=np.float64))
    return Unknown(f"the values of {node.layer or node.operation} cannot be read")
