"""A model as the graph of calls that one run of it makes."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from normdrop.shifts.graph._kind import Kind, Mode
from normdrop.shifts.graph._node import Node


@dataclass(frozen=True, slots=True)
class Layer:
    """A registered module of the model.

    Attributes:
        path: Its path; for a module registered under several names, the first.
        type: Its class name.
        calls: How often it was called in this run.
        used: Whether it was called, or a tensor it owns was read without a call of its own, or
            either is true of a module inside it.
        leaf: Whether it has no modules inside.
        training: Whether it was in train mode.
        aliases: Its other paths.
    """

    path: str
    type: str
    calls: int
    used: bool
    leaf: bool
    training: bool
    aliases: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As JSON knows it."""
        plain = {key: getattr(self, key) for key in self.__dataclass_fields__}
        return plain | {"aliases": list(self.aliases)}


@dataclass(frozen=True)
class Graph:
    """One run of a model, call by call.

    Attributes:
        nodes: The calls in the order they were made; `nodes[i].id == i`.
        inputs: Ids of the input nodes.
        outputs: Ids of the nodes whose tensors the model returns.
        mode: The mode the model ran in.
        layers: Every registered module, in the order of registration.
        batch_size: Extent of the batch axis of the example.

    >>> from normdrop.shifts.graph import Activation
    >>> image = Node(0, Kind.INPUT, "input", (), (2, 3), "float32")
    >>> relu = Node(1, Kind.ACTIVATION, "relu", (0,), (2, 3), "float32", details=Activation("relu"))
    >>> graph = Graph((image, relu), inputs=(0,), outputs=(1,), mode=Mode.TRAIN)
    >>> [node.operation for node in graph.consumers(image)]
    ['relu']
    """

    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    mode: Mode
    layers: tuple[Layer, ...] = field(default=(), repr=False)
    batch_size: int = 1

    def __getitem__(self, node_id: int) -> Node:
        return self.nodes[node_id]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    @cached_property
    def _consumers(self) -> dict[int, tuple[Node, ...]]:
        found: defaultdict[int, list[Node]] = defaultdict(list)
        for node in self.nodes:
            for source in dict.fromkeys(node.inputs):
                found[source].append(node)
        return {source: tuple(nodes) for source, nodes in found.items()}

    def consumers(self, node: Node) -> tuple[Node, ...]:
        """The nodes that take this node's tensor, in the order they were called."""
        return self._consumers.get(node.id, ())

    def sources(self, node: Node) -> tuple[Node, ...]:
        """The nodes whose tensors this node takes, in the order of its arguments."""
        return tuple(self.nodes[source] for source in node.inputs)

    def of_kind(self, *kinds: Kind) -> tuple[Node, ...]:
        """The nodes of these kinds, in the order they were called."""
        return tuple(node for node in self.nodes if node.kind in kinds)

    def of_layer(self, layer: str) -> tuple[Node, ...]:
        """The calls of one layer, in order."""
        return tuple(node for node in self.nodes if node.layer == layer)

    def to_dict(self) -> dict[str, object]:
        """The graph without the values of its parameters, as JSON knows it."""
        return {
            "mode": self.mode.value,
            "batch_size": self.batch_size,
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "nodes": [node.to_dict() for node in self.nodes],
            "layers": [layer.to_dict() for layer in self.layers],
        }


@dataclass(frozen=True, slots=True)
class Captured:
    """The same model and example, run in train and in eval mode."""

    train: Graph
    eval: Graph
