"""Questions about a graph: what reaches what, and which part of a network is which.

Every function is pure: it takes a `Graph` and returns values that refer to its nodes.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from normdrop.shifts.graph._graph import Graph, Kind, Layer, Node


@dataclass(frozen=True, slots=True)
class NoisePath:
    """A way from noise to a norm with no other statistics-carrying norm on it.

    Attributes:
        noise: The node that adds the noise.
        norm: The norm it reaches.
        steps: The nodes between them on a shortest way, in the order of the flow.
        between: All nodes on any such way, in the order of calls.
    """

    noise: Node
    norm: Node
    steps: tuple[Node, ...]
    between: tuple[Node, ...]

    @property
    def direct(self) -> bool:
        """Whether the norm takes the noisy tensor as it is."""
        return not self.steps


@dataclass(frozen=True, slots=True)
class Branch:
    """A residual branch: what is added to a trunk that it was computed from.

    Attributes:
        add: The node that adds the branch to the trunk.
        fork: The node from which branch and trunk part.
        nodes: The nodes of the branch, in the order of calls.
        shortcut: The nodes on the trunk between fork and addition; empty for an identity.
        last_norm: The last norm that every path along the branch passes.
        last_weight: The last weight layer that every path along the branch passes.
    """

    add: Node
    fork: Node
    nodes: tuple[Node, ...]
    shortcut: tuple[Node, ...]
    last_norm: Node | None
    last_weight: Node | None

    @property
    def trunk(self) -> Node:
        """The node whose tensor the branch is added to."""
        return self.shortcut[-1] if self.shortcut else self.fork


def active_noise(graph: Graph) -> tuple[Node, ...]:
    """The calls that drop or disturb units in this run; in eval mode there should be none."""
    return tuple(node for node in graph if node.noise is not None and node.noise.active)


def noise_before(graph: Graph, norm: Node) -> tuple[NoisePath, ...]:
    """The noise that reaches a norm with no other statistics-carrying norm between, nearest first.

    Norms without statistics, such as layer norm, are steps on the way: they rescale the noise but
    keep no memory of it.
    """
    toward = _upstream(graph, norm)
    found = [
        NoisePath(node, norm, _steps(graph, node, toward), _between(graph, node, toward))
        for node in active_noise(graph)
        if node.id in toward
    ]
    return tuple(sorted(found, key=lambda path: (len(path.steps), -path.noise.id)))


def norms_after(graph: Graph, noise: Node) -> tuple[NoisePath, ...]:
    """The statistics-carrying norms that a noise node reaches with no other such norm between."""
    return tuple(
        path
        for norm in graph
        if norm.carries_statistics and norm.id > noise.id
        for path in noise_before(graph, norm)
        if path.noise.id == noise.id
    )


def residual_branches(graph: Graph) -> tuple[Branch, ...]:
    """Every addition of a branch, with weights or a norm on it, to what it was computed from.

    Of the two sides of an addition the one with more weights and norms is the branch, and a
    shortcut may hold a projection. The fork is the last node that both sides depend on.
    """
    ancestors = _ancestors(graph)
    flowing = sum(1 << node.id for node in graph if _flows(node))
    found = (_branch(graph, node, ancestors, flowing) for node in graph.of_kind(Kind.ADD))
    return tuple(branch for branch in found if branch is not None)


def heads(graph: Graph) -> tuple[tuple[Node, ...], ...]:
    """For each output of the network, the nodes after its features.

    The head starts where the last spatial axes are pooled or flattened away. Where there are none,
    it is what follows the last norm that carries statistics. The pool belongs to the head, the norm
    does not.
    """
    ancestors = _ancestors(graph)
    return tuple(_head(graph, graph[output], ancestors) for output in graph.outputs)


def never_called(*graphs: Graph) -> tuple[Layer, ...]:
    """The registered layers that no run made use of; of nested ones, the outermost.

    Give the graphs of both modes, since some layers run in one only.
    """
    used = {layer.path for graph in graphs for layer in graph.layers if layer.used}
    idle = [layer for graph in graphs[:1] for layer in graph.layers if layer.path not in used]
    paths = {layer.path for layer in idle}
    return tuple(layer for layer in idle if layer.path.rpartition(".")[0] not in paths)


def _upstream(graph: Graph, norm: Node) -> dict[int, int | None]:
    """Each node upstream of a norm, with the next node on a shortest way to it.

    The search goes no further than the next norms that carry statistics.
    """
    toward: dict[int, int | None] = {norm.id: None}
    queue = deque([norm])
    while queue:
        node = queue.popleft()
        for source in graph.sources(node):
            if source.id in toward or source.carries_statistics:
                continue
            toward[source.id] = node.id
            queue.append(source)
    return toward


def _steps(graph: Graph, noise: Node, toward: dict[int, int | None]) -> tuple[Node, ...]:
    """The nodes after the noise and before the norm on a shortest way."""
    steps, following = [], toward[noise.id]
    while following is not None:
        steps.append(graph[following])
        following = toward[following]
    return tuple(steps[:-1])


def _between(graph: Graph, noise: Node, toward: dict[int, int | None]) -> tuple[Node, ...]:
    """The nodes of the search that the noise flows through."""
    norm = next(iter(toward))
    reached, queue = {noise.id}, deque([noise])
    while queue:
        for node in graph.consumers(queue.popleft()):
            if node.id in toward and node.id not in reached and node.id != norm:
                reached.add(node.id)
                queue.append(node)
    return tuple(graph[each] for each in sorted(reached - {noise.id}))


def _ancestors(graph: Graph) -> list[int]:
    """For each node, itself and all it depends on, as the bits of a whole number."""
    bits: list[int] = []
    for node in graph:
        own = 1 << node.id
        for source in node.inputs:
            own |= bits[source]
        bits.append(own)
    return bits


def _branch(graph: Graph, add: Node, ancestors: list[int], flowing: int) -> Branch | None:
    """The residual branch that ends in an addition of two tensors, if it is one.

    `flowing` has the bits of all nodes that are more than a tensor that the model brings along.
    """
    if len(add.inputs) != 2:  # noqa: PLR2004 - a branch and a trunk
        return None
    left, right = add.inputs
    shared = ancestors[left] & ancestors[right] & flowing
    if not shared:
        return None
    fork = graph[shared.bit_length() - 1]
    sides = [(end, _side(graph, end, fork, ancestors)) for end in (left, right)]
    (end, side), (_, shortcut) = sorted(sides, key=lambda each: -_depth(each[1]))
    if _depth(side) == 0:
        return None
    passed = _passed(fork, graph[end], side)
    return Branch(add, fork, side, shortcut, _last(passed, Kind.NORM), _last(passed, Kind.WEIGHT))


def _side(graph: Graph, end: int, fork: Node, ancestors: list[int]) -> tuple[Node, ...]:
    """The nodes after the fork that lead to one input of the addition."""
    leading = ancestors[end]
    # What depends on the fork comes after it.
    return tuple(
        node
        for node in graph.nodes[fork.id + 1 : end + 1]
        if leading >> node.id & 1 and ancestors[node.id] >> fork.id & 1
    )


def _depth(side: Iterable[Node]) -> int:
    return sum(node.kind in {Kind.WEIGHT, Kind.NORM} for node in side)


def _passed(fork: Node, end: Node, side: tuple[Node, ...]) -> list[Node]:
    """The nodes that every path from fork to end passes: as many paths lead through as there are.

    A gate, as in squeeze-and-excitation, is a detour and not among them.
    """
    inside = {node.id for node in side}
    leading = {fork.id: 1}
    for node in side:
        leading[node.id] = sum(leading.get(source, 0) for source in node.inputs)
    following = {end.id: 1}
    for node in reversed(side):
        for source in node.inputs:
            if source in inside:
                following[source] = following.get(source, 0) + following.get(node.id, 0)
    total = leading[end.id]
    return [node for node in side if leading[node.id] * following.get(node.id, 0) == total]


def _last(nodes: list[Node], kind: Kind) -> Node | None:
    return next((node for node in reversed(nodes) if node.kind is kind), None)


def _head(graph: Graph, output: Node, ancestors: list[int]) -> tuple[Node, ...]:
    """The nodes after the features that one output is made of."""
    needed = [node for node in graph if ancestors[output.id] >> node.id & 1]
    flow = [node for node in needed if node.kind is not Kind.INPUT and _flows(node)]
    spatial = [node for node in flow if _is_spatial(node)]
    if spatial and not _is_spatial(output):
        start = spatial[-1]
        return tuple(node for node in flow if node.id > start.id)
    norms = [node for node in flow if node.carries_statistics]
    return tuple(node for node in flow if node.id > norms[-1].id) if norms else tuple(flow)


def _flows(node: Node) -> bool:
    """Whether it is more than a tensor that the model brings along."""
    return node.kind not in {Kind.PARAMETER, Kind.CONSTANT}


def _is_spatial(node: Node) -> bool:
    """Whether an axis beyond batch and channels has an extent of more than 1."""
    return any(extent > 1 for extent in node.shape[2:])
