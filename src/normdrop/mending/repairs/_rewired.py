"""A graph as it would be with its noise elsewhere, without a model that is changed."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain

from normdrop.mending.repairs._places import GraphEdge
from normdrop.shifts.graph import Graph, Node


def rewired(graph: Graph, moves: Mapping[int, GraphEdge]) -> Graph:
    """The graph with noise moved into other edges.

    Args:
        graph: Any graph.
        moves: Where noise goes, by the id of its node; no two go into one edge, and none beside
            noise that moves itself.

    >>> from normdrop.shifts.graph import Kind, Mode
    >>> nodes = [
    ...     Node(id, Kind.UNKNOWN, name, (id - 1,) if id else (), (2, 3), "float32", layer=name)
    ...     for id, name in enumerate(["input", "drop", "norm", "relu"])
    ... ]
    >>> graph = Graph(tuple(nodes), inputs=(0,), outputs=(3,), mode=Mode.TRAIN)
    >>> moved = rewired(graph, {1: GraphEdge("after", nodes[3])})
    >>> [(node.layer, node.inputs) for node in moved], moved.outputs
    ([('input', ()), ('norm', (0,)), ('relu', (1,)), ('drop', (2,))], (3,))
    """
    before = {edge.node.id: noise for noise, edge in moves.items() if edge.side == "before"}
    after = {edge.node.id: noise for noise, edge in moves.items() if edge.side == "after"}
    stay = (node.id for node in graph if node.id not in moves)
    around = ((before.get(each), each, after.get(each)) for each in stay)
    order = [each for each in chain.from_iterable(around) if each is not None]
    place = {old: new for new, old in enumerate(order)}

    def taken(source: int) -> int:
        """What is taken now where a node was: without noise that has gone, with what has come."""
        while source in moves:
            source = graph[source].inputs[0]
        return after.get(source, source)

    def settled(node: Node) -> Node:
        """A node that stays, with what it takes now."""
        sources = [taken(each) for each in node.inputs]
        if node.id in before:
            sources[0] = before[node.id]
        return replace(node, id=place[node.id], inputs=tuple(place[each] for each in sources))

    def moved(node: Node, edge: GraphEdge) -> Node:
        """Noise where it goes, of the shape that flows there."""
        flowing = edge.node if edge.side == "after" else graph[edge.node.inputs[0]]
        source = edge.node.id if edge.side == "after" else taken(flowing.id)
        details = node.noise
        if details is not None and flowing.shape != node.shape:
            details = replace(details, mask_shape=())
        return replace(
            node,
            id=place[node.id],
            inputs=(place[source],),
            shape=flowing.shape,
            channel_axis=flowing.channel_axis,
            details=details,
        )

    return replace(
        graph,
        nodes=tuple(
            moved(graph[each], moves[each]) if each in moves else settled(graph[each])
            for each in place
        ),
        inputs=tuple(place[each] for each in graph.inputs),
        outputs=tuple(place[taken(each)] for each in graph.outputs),
    )
