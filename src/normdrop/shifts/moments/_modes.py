"""Where train mode and eval mode run different calls."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from normdrop.shifts.graph import Captured, Graph, Kind, Node


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
