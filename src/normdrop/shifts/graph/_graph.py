"""A model as the graph of calls that one run of it makes."""

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from normdrop.shifts.graph._details import Attention, Details, Noise, Norm, Recurrent
from normdrop.values.location import Location

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class Kind(StrEnum):
    """What one call does to the tensor that flows through it.

    A node of kind `UNKNOWN` is a call that capture has no description of; it keeps its name,
    inputs and shapes.
    """

    INPUT = "input"
    PARAMETER = "parameter"
    """A parameter or buffer that enters the flow by itself, as in `x * self.scale`."""
    CONSTANT = "constant"
    """A tensor that depends on no input and on no parameter: a mask, a grid, a position."""
    NORM = "norm"
    NOISE = "noise"
    WEIGHT = "weight"
    """A linear map with weights of its own: linear, convolution, embedding, bilinear."""
    ACTIVATION = "activation"
    POOL = "pool"
    RESAMPLE = "resample"
    ADD = "add"
    MULTIPLY = "multiply"
    MATMUL = "matmul"
    """A product of two tensors that both depend on the input."""
    ATTENTION = "attention"
    RECURRENT = "recurrent"
    CONCATENATE = "concatenate"
    RESHAPE = "reshape"
    """The same values in another shape or order, or a part of them; see `Reshape`."""
    UNKNOWN = "unknown"


class Mode(StrEnum):
    """The mode a model was in when it was captured."""

    TRAIN = "train"
    EVAL = "eval"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter or buffer: where it lives, its shape, and a way to its values.

    Nothing is copied until `read` is called, and what `read` returns is what the model holds at
    that moment.

    Attributes:
        path: Its name in the model, such as `"layer1.0.bn2.running_var"`; empty for a tensor that
            the model holds unregistered, or computes from others.
        shape: Its shape.
        dtype: Its element type, such as `"float32"`.
        reader: Returns its values as an array.

    >>> import numpy as np
    >>> Parameter("bn.weight", (2,), "float32", lambda: np.ones(2)).read()
    array([1., 1.])
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    reader: "Callable[[], NDArray[Any]]" = field(repr=False, compare=False)

    def read(self) -> "NDArray[Any]":
        """The values as a read-only array."""
        values = self.reader().view()
        values.flags.writeable = False
        return values

    def to_dict(self) -> dict[str, object]:
        """Everything but the values, as JSON knows it."""
        return {"path": self.path, "shape": list(self.shape), "dtype": self.dtype}


@dataclass(frozen=True, slots=True)
class Node:
    """One call of one operation, and the one tensor it yields.

    A call that yields several tensors is as many nodes, alike but for `output` and shape.

    Attributes:
        id: Position in `Graph.nodes`; inputs have smaller ids.
        kind: What the call does.
        operation: The framework's name of the operation: `"conv2d"`, `"batch_norm"`, `"add"`.
        inputs: Ids of the nodes whose tensors it takes, in the order of its arguments; parameters
            that `parameters` names are not among them.
        shape: Shape of the output, batch axis included.
        dtype: Element type of the output, such as `"float32"`.
        layer: The layer the call belongs to; empty for inputs, parameters and constants. Calls of
            one layer share its parameters and settings. For a module it is its path; for a function
            called in a module's own forward, the module's path and the function, as in
            `"layer1.0.dropout()"`, and with `"#2"` for the second such line.
        module: Path of the innermost module the call was made in; `""` is the model itself.
        modules: Paths of all modules around it, outermost first, `module` last.
        module_type: Class name of the innermost module.
        location: The line that made the call, or that called the library layer that made it.
        channel_axis: The output's axis that holds channels, where the operation defines one.
        details: What is particular to its kind; None for inputs, constants, parameters and
            unknown operations.
        parameters: The tensors of the model it reads, by role: `weight` and `bias`; for a norm
            `gamma`, `beta`, `running_mean` and `running_var`; for a node of kind parameter or
            constant `value`.
        output: Which of the call's tensors this is.
    """

    id: int
    kind: Kind
    operation: str
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: str
    layer: str = ""
    module: str = ""
    modules: tuple[str, ...] = ()
    module_type: str = ""
    location: Location | None = None
    channel_axis: int | None = None
    details: Details | None = field(default=None, hash=False)
    parameters: Mapping[str, Parameter] = field(default_factory=dict, hash=False)
    output: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    @property
    def norm(self) -> Norm | None:
        """Its details, if it is a norm."""
        return self.details if isinstance(self.details, Norm) else None

    @property
    def noise(self) -> Noise | None:
        """The noise it adds, be it a noise layer or noise inside attention or recurrence."""
        if isinstance(self.details, Attention | Recurrent):
            return self.details.noise
        return self.details if isinstance(self.details, Noise) else None

    @property
    def carries_statistics(self) -> bool:
        """Whether it is a norm with running statistics."""
        return self.norm is not None and self.norm.carries_statistics

    def to_dict(self) -> dict[str, object]:
        """Everything but the parameters' values, as JSON knows it."""
        plain = {
            key: _plain(getattr(self, key))
            for key in self.__dataclass_fields__
            if key not in {"parameters", "location"}
        }
        plain["location"] = str(self.location) if self.location else None
        plain["parameters"] = {name: value.to_dict() for name, value in self.parameters.items()}
        return plain


def _plain(value: object) -> object:
    """Dataclasses, mappings, tuples and nan, as JSON knows them."""
    if dataclasses.is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


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
