"""Where noise may go: places in a graph behind the norms that it would shift."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from normdrop.mending.harm import weighed_after
from normdrop.shifts.graph import Activation, Along, Graph, Kind, Node, Pool
from normdrop.shifts.graph.paths import Branch, residual_branches

Move = Literal["branch", "head", "uniform", "lower", "remove", "keep"]
MOVES: dict[Move, str] = {
    "branch": "behind the last norm of its branch, before the branch's last weight",
    "head": "behind all norms, before the pooling or the first weight of the head",
    "uniform": "uniform noise, as strong as keeps every shift at 0.98 or better",
    "lower": "its own kind, at the highest rate that leaves no warning",
    "remove": "rate 0",
    "keep": "stays as it is",
}
"""What may become of noise that feeds a norm, in words."""

_MODIFIES_LITTLE = {Kind.ACTIVATION, Kind.RESHAPE, Kind.NOISE}


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """One edge of a graph, named by a node at its end.

    Attributes:
        side: Whether noise goes before the node, on the way into it, or after it.
        node: The node.
    """

    side: Literal["before", "after"]
    node: Node

    def fits(self, graph: Graph, noise: Node) -> bool:
        """Whether what flows there has the axes that a noise counts on."""
        if noise.noise is None or noise.noise.along is Along.ELEMENT:
            return True
        flowing = self.node if self.side == "after" else graph.sources(self.node)[0]
        return len(flowing.shape) == len(noise.shape)


@dataclass(frozen=True, slots=True)
class Destination:
    """A stretch of the flow in which noise may stand.

    Attributes:
        move: `"branch"`: behind the last norm of a branch and before its last weight, or at its
            end where no weight follows (guideline 1 of Kim et al. 2023). `"head"`: behind all
            norms, before the pooling (guideline 2).
        edges: The edges of the stretch, the preferred one first.
        words: The place in words, as the end of "move it …".
    """

    move: Move
    edges: tuple[GraphEdge, ...]
    words: str


def branch_place(graph: Graph, noise: Node) -> Destination | None:
    """Where in its branch noise may go (guideline 1 of Kim et al., UAI 2023).

    A branch is what is added to its trunk, or concatenated with it. None outside of one; a place
    without edges where some noise stands there already.
    """
    return _residual(graph, noise) or _dense(graph, noise)


def _residual(graph: Graph, noise: Node) -> Destination | None:
    """The place in the innermost residual branch that holds the noise, or starts at it."""
    holding = [
        branch
        for branch in residual_branches(graph)
        if branch.fork.id == noise.id or any(node.id == noise.id for node in branch.nodes)
    ]
    if not holding:
        return None
    branch = min(holding, key=lambda each: len(each.nodes))
    norm, weight = branch.last_norm, branch.last_weight
    if norm is None:
        return None
    if weight is None or weight.id < norm.id:
        return _at_end(graph, branch, norm)
    return _between(graph, norm, weight)


def _between(graph: Graph, norm: Node, weight: Node) -> Destination:
    """Behind a norm and before a weight that takes its output."""
    chain = _back(graph, weight)
    words = f"to behind {_named(norm)} and before {_named(weight)}"
    if any(node.noise is not None and node.noise.active for node in chain):
        return Destination("branch", (), words)
    through = [node for node in chain if node.kind is Kind.ACTIVATION]
    edges = [GraphEdge("after", node) for node in through if len(graph.consumers(node)) == 1]
    edges.append(GraphEdge("before", weight))
    return Destination("branch", tuple(edges), words)


def _at_end(graph: Graph, branch: Branch, norm: Node) -> Destination:
    """Behind the last norm of a branch that has no weight after it."""
    words = f"to behind {_named(norm)}, at the end of the branch"
    tail = [node for node in branch.nodes if node.id > norm.id]
    if any(node.noise is not None and node.noise.active for node in tail):
        return Destination("branch", (), words)
    ends = [node for node in reversed(tail) if branch.add.id in _ids(graph.consumers(node))]
    edges = [GraphEdge("after", node) for node in (*ends, norm) if len(graph.consumers(node)) == 1]
    return Destination("branch", tuple(edges), words)


def _dense(graph: Graph, noise: Node) -> Destination | None:
    """Noise at the end of a layer whose output is concatenated: before the layer's last weight."""
    following = graph.consumers(noise)
    while len(following) == 1 and following[0].kind in _MODIFIES_LITTLE:
        following = graph.consumers(following[0])
    joined = [node for node in following if node.kind is Kind.CONCATENATE]
    if not joined or not any(len(node.inputs) > 1 for node in joined):
        return None
    before = _back(graph, noise)
    weight = graph.sources(before[-1] if before else noise)
    if len(weight) != 1 or weight[0].kind is not Kind.WEIGHT:
        return None
    chain = _back(graph, weight[0])
    norm = graph.sources(chain[-1] if chain else weight[0])
    if len(norm) != 1 or not norm[0].carries_statistics:
        return None
    return _between(graph, norm[0], weight[0])


def head_place(graph: Graph, noise: Node) -> Destination | None:
    """Behind the last norm of all, before the pooling or the first weight (guideline 2).

    None where another noise layer draws there already: one dropout in the head is enough; and
    where no weight would follow it any more.
    """
    norms = [node for node in graph if node.carries_statistics]
    if not norms or noise.id > norms[-1].id:
        return None
    passed = [norms[-1], *_onward(graph, norms[-1])]
    following = graph.consumers(passed[-1])
    if (len(passed) == 1 and not _weighs(following)) or _is_noisy(graph, norms[-1]):
        return None
    weighed = weighed_after(graph)
    if noise.id in weighed and passed[-1].id not in weighed:
        return None
    words = f"to the head, behind {_named(passed[-1])}"
    edges = [GraphEdge("before", following[0])] if len(following) == 1 else []
    if len(passed) > 1:
        edges.insert(0, GraphEdge("after", passed[-1]))
    return Destination("head", tuple(edges), words)


def before_weight(graph: Graph, noise: Node) -> Destination | None:
    """Before the weight layer whose output the noise takes."""
    sources = graph.sources(noise)
    if len(sources) != 1 or sources[0].kind is not Kind.WEIGHT:
        return None
    weight = sources[0]
    return Destination("branch", (GraphEdge("before", weight),), f"to before `{weight.layer}`")


def behind_pool(graph: Graph, noise: Node) -> Destination | None:
    """Behind the max-pool that the noise reaches through activations."""
    following = graph.consumers(noise)
    while len(following) == 1 and following[0].kind is Kind.ACTIVATION:
        following = graph.consumers(following[0])
    if len(following) != 1:
        return None
    pool = following[0]
    if not isinstance(pool.details, Pool) or pool.details.method != "max":
        return None
    return Destination("branch", (GraphEdge("after", pool),), f"to behind `{pool.layer}`")


def _weighs(following: tuple[Node, ...]) -> bool:
    """Whether the features of a norm go on to pools and weights: they are no outputs themselves."""
    kinds = {Kind.POOL, Kind.WEIGHT, Kind.RESHAPE}
    return len(following) == 1 and following[0].kind in kinds


def _onward(graph: Graph, norm: Node) -> Iterator[Node]:
    """The nodes after the last norm, up to what pools all positions or weighs the features."""
    following = graph.consumers(norm)
    while len(following) == 1:
        node = following[0]
        softmax = isinstance(node.details, Activation) and "softmax" in node.details.name
        local = isinstance(node.details, Pool) and node.details.method == "max"
        kinds = {Kind.ACTIVATION, Kind.ADD, Kind.CONCATENATE}
        if softmax or not (local or node.kind in kinds):
            return
        yield node
        following = graph.consumers(node)


def _is_noisy(graph: Graph, norm: Node) -> bool:
    """Whether noise is drawn anywhere after a node."""
    reached = {norm.id}
    for node in graph.nodes[norm.id :]:
        if reached.intersection(node.inputs):
            reached.add(node.id)
            if node.noise is not None and node.noise.active:
                return True
    return False


def _back(graph: Graph, node: Node) -> list[Node]:
    """The nodes before one that change little, nearest first, each with one source and one use."""
    chain: list[Node] = []
    sources = graph.sources(node)
    while len(sources) == 1 and sources[0].kind in _MODIFIES_LITTLE:
        chain.append(sources[0])
        sources = graph.sources(sources[0])
    return chain


def _ids(nodes: tuple[Node, ...]) -> set[int]:
    return {node.id for node in nodes}


def _named(node: Node) -> str:
    return f"`{node.layer or node.operation}`"
