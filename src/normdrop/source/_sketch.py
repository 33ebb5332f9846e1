"""A model as far as the source shows it: a graph without shapes or values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from normdrop.errors import NormdropError
from normdrop.graph import Graph, Kind, Mode, Node, Parameter, Pool, Reshape
from normdrop.location import Location

from ._values import Layer, Part

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_NODES = 1500


class TooLarge(Exception):  # noqa: N818 - it ends the reading of one model and is no error
    """The source describes more operations than are worth following."""


@dataclass(frozen=True, slots=True)
class Sketch:
    """What the source shows of a model, or of a part of one.

    Attributes:
        graph: Its calls; shapes are empty, parameters have no values.
        made: For each node, where its layer is made.
        parts: For each node, what the source says of its layer.
        libraries: For each node, `"torch"` or `"keras"`.
        checkpointed: The nodes that a backward pass computes again.
    """

    graph: Graph
    made: Mapping[int, Location]
    parts: Mapping[int, Part]
    libraries: Mapping[int, str]
    checkpointed: frozenset[int] = frozenset()


@dataclass(slots=True)
class Draft:
    """A sketch that is being drawn."""

    nodes: list[Node] = field(default_factory=list)
    made: dict[int, Location] = field(default_factory=dict)
    parts: dict[int, Part] = field(default_factory=dict)
    outputs: list[int] = field(default_factory=list)
    libraries: dict[int, str] = field(default_factory=dict)
    layers: dict[str, Layer] = field(default_factory=dict)
    checkpointed: set[int] = field(default_factory=set)

    def add(
        self,
        part: Part,
        inputs: Sequence[int],
        place: Location,
        *,
        layer: Layer | None = None,
    ) -> int:
        """Draw one operation."""
        number = len(self.nodes)
        if number >= MOST_NODES:
            raise TooLarge
        name = self._name(part, layer) if layer else part.operation
        parameters = {"bias": Parameter(f"{name}.bias", (), "", _no_values)} if part.bias else {}
        self.nodes.append(
            Node(
                number,
                part.kind,
                part.operation,
                tuple(inputs),
                (),
                "",
                layer=name,
                module_type=part.operation,
                location=place,
                details=part.details,
                parameters=parameters,
            )
        )
        self.parts[number] = part
        if layer:
            self.made[number] = layer.place
            self.libraries[number] = layer.library
        return number

    def _name(self, part: Part, layer: Layer) -> str:
        """A name that no other layer has: where the model keeps it, or where it is made."""
        place = layer.place
        name = layer.path or f"{part.operation} (line {place.line}, column {place.column})"
        stem, count = name, 1
        while self.layers.setdefault(name, layer) is not layer:
            count += 1
            name = f"{stem} #{count}"
        return name

    def input(self, place: Location) -> int:
        """Draw a tensor of which nothing is known."""
        return self.add(Part(Kind.INPUT, "input"), (), place)

    def unknown(self, inputs: Sequence[int], place: Location, name: str = "call") -> int:
        """Draw a call of which nothing is known."""
        return self.add(Part(Kind.UNKNOWN, name), inputs, place)

    def reshape(self, source: int, place: Location, name: str) -> int:
        """Draw a call that keeps the values."""
        return self.add(Part(Kind.RESHAPE, name, Reshape("view")), (source,), place)

    def average(self, source: int, place: Location) -> int:
        """Draw a mean over some axes."""
        pool = Pool("average", (), (), (), ((0, 0),), ())
        return self.add(Part(Kind.POOL, "mean", pool), (source,), place)

    def sketch(self) -> Sketch:
        """What was drawn."""
        inputs = tuple(node.id for node in self.nodes if node.kind is Kind.INPUT)
        outputs = tuple(dict.fromkeys(self.outputs))
        graph = Graph(tuple(self.nodes), inputs, outputs, Mode.TRAIN)
        return Sketch(graph, self.made, self.parts, self.libraries, frozenset(self.checkpointed))


def _no_values() -> "NDArray[Any]":
    """A parameter known from source alone has no values."""
    no_values()


def no_values() -> NoReturn:
    """Say that source has no values."""
    raise NormdropError("source has no values: build the model to read its parameters")
