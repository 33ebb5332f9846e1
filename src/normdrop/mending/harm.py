"""What no repair may do to a network: noise where it does more harm than good.

Every function is pure and works on graphs of models and of source alike, so that both are held to
the same.
"""

from collections.abc import Iterator
from typing import Literal

from normdrop.shifts.graph import Distribution, Graph, Kind, Node

Harm = Literal["late", "stacked", "thin"]
HARMS: dict[Harm, str] = {
    "late": "it would stand behind the last weight",
    "stacked": "two noise layers would stand in a row",
    "thin": "less than half of the units would be left",
}
"""What each harm is, in words."""
LEAST_CAPACITY = 0.5
"""The least share of the units that a repair leaves between two weights."""

_WEIGHS = frozenset({Kind.WEIGHT, Kind.ATTENTION, Kind.RECURRENT, Kind.MATMUL, Kind.UNKNOWN})
# They pass on each unit, or a few of them, of the one tensor they take.
_HANDS_ON = frozenset({Kind.ACTIVATION, Kind.RESHAPE, Kind.POOL, Kind.NORM, Kind.RESAMPLE})


def harms(graph: Graph) -> dict[int, frozenset[Harm]]:
    """What harm each noise that draws does where it stands, by node.

    `"late"`: no weight follows, so that it disturbs logits or outputs and regularises nothing.
    `"stacked"`: another noise draws between the same two weights. `"thin"`: with those, fewer than
    half of the units are left between two weights.
    """
    weighed = weighed_after(graph)
    found: dict[int, frozenset[Harm]] = {}
    for node in graph.of_kind(Kind.NOISE):
        if draws(node):
            row = [node, *in_a_row(graph, node)]
            does: set[Harm] = {"stacked"} if len(row) > 1 else set()
            if node.id not in weighed:
                does.add("late")
            if _capacity(row) < LEAST_CAPACITY:
                does.add("thin")
            found[node.id] = frozenset(does)
    return found


def weighed_after(graph: Graph) -> frozenset[int]:
    """The nodes whose tensor flows into a weight, or into what may hold one."""
    found: set[int] = set()
    for node in reversed(graph.nodes):
        following = graph.consumers(node)
        if any(each.kind in _WEIGHS or each.id in found for each in following):
            found.add(node.id)
    return frozenset(found)


def in_a_row(graph: Graph, place: Node) -> list[Node]:
    """The other noise that draws between the same two weights as a node, on the same tensor."""
    around = [*_back(graph, place), *_onward(graph, place)]
    return [each for each in around if draws(each)]


def row_start(graph: Graph, place: Node) -> Node:
    """The node at which the row begins that a node stands in: noise behind either is one row."""
    node = place
    while (node.kind in _HANDS_ON or draws(node)) and len(node.inputs) == 1:
        node = graph.sources(node)[0]
    return node


def draws(node: Node) -> bool:
    """Whether a node is noise that draws."""
    return node.kind is Kind.NOISE and node.noise is not None and node.noise.active


def _back(graph: Graph, node: Node) -> Iterator[Node]:
    sources = graph.sources(node)
    while len(sources) == 1 and (sources[0].kind in _HANDS_ON or draws(sources[0])):
        yield sources[0]
        sources = graph.sources(sources[0])


def _onward(graph: Graph, node: Node) -> Iterator[Node]:
    following = graph.consumers(node)
    while len(following) == 1 and (following[0].kind in _HANDS_ON or draws(following[0])):
        yield following[0]
        following = graph.consumers(following[0])


def _capacity(row: list[Node]) -> float:
    """The share of the units that noise in a row keeps; an unknown rate keeps all."""
    kept = 1.0
    for node in row:
        noise = node.noise
        if noise is not None and noise.distribution is Distribution.BERNOULLI and noise.rate > 0:
            kept *= 1 - noise.rate
    return kept
