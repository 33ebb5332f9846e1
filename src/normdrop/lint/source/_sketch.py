"""A model as far as the source shows it: a graph without shapes or values."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from normdrop.errors import NormdropError
from normdrop.lint.source._values import (
    OPAQUE,
    LayerOperation,
    LayerValue,
    Symbol,
    TensorValue,
    Value,
    flows,
)
from normdrop.shifts.graph import Graph, Kind, Mode, Node, Parameter, Pool, Reshape
from normdrop.values.location import Location

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
    parts: Mapping[int, LayerOperation]
    libraries: Mapping[int, str]
    checkpointed: frozenset[int] = frozenset()


class Drawn(NamedTuple):
    """One operation of a draft: what it does, to what, where, its layer's name and origin."""

    part: LayerOperation
    inputs: tuple[int, ...]
    place: Location
    name: str
    made: Location | None = None
    library: str = ""

    def node(self, number: int) -> Node:
        """The operation as a graph holds it."""
        part = self.part
        return Node(
            number,
            part.kind,
            part.operation,
            self.inputs,
            (),
            "",
            layer=self.name,
            module_type=part.operation,
            location=self.place,
            details=part.details,
            parameters={"bias": Parameter(f"{self.name}.bias", (), "", _no_values)}
            if part.bias
            else {},
        )


@dataclass(slots=True)
class Draft:
    """A sketch that is being drawn: the graph of all tensors that flow in one run.

    Attributes:
        drawn: The operations, each by its number.
        outputs: The numbers of those whose tensors are given back.
        checkpointed: The numbers of those that a backward pass computes again.
    """

    drawn: list[Drawn] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    checkpointed: set[int] = field(default_factory=set)
    _layers: dict[str, LayerValue] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _names: dict[tuple[int, str], str] = field(default_factory=dict)
    _entered: dict[Symbol, int] = field(default_factory=dict)

    def add(
        self,
        part: LayerOperation,
        inputs: Sequence[int],
        place: Location,
        *,
        layer: LayerValue | None = None,
    ) -> int:
        """Draw one operation."""
        number = len(self.drawn)
        if number >= MOST_NODES:
            raise TooLarge
        if layer:
            name = self._name(part, layer)
            self.drawn.append(Drawn(part, tuple(inputs), place, name, layer.place, layer.library))
        else:
            self.drawn.append(Drawn(part, tuple(inputs), place, part.operation))
        return number

    def _name(self, part: LayerOperation, layer: LayerValue) -> str:
        """A name that no other layer has: where the model keeps it, or where it is made."""
        place = layer.place
        stem = layer.path or f"{part.operation} (line {place.line}, column {place.column})"
        known = self._names.get((id(layer), stem))
        if known is not None:
            return known
        # From where the last layer of this stem ended: a loop may make hundreds.
        count = self._counts.get(stem, 1)
        name = stem if count == 1 else f"{stem} #{count}"
        while self._layers.setdefault(name, layer) is not layer:
            count += 1
            name = f"{stem} #{count}"
        self._counts[stem] = count
        self._names[id(layer), stem] = name
        return name

    def entering(self, value: Value, place: Location) -> int:
        """The operation a tensor comes from; a new one for a tensor from elsewhere."""
        if isinstance(value, TensorValue):
            return value.node
        if isinstance(value, Symbol):
            if value not in self._entered:
                self._entered[value] = self.input(place)
            return self._entered[value]
        inside = flows(value)
        return self.unknown(inside, place) if inside else self.input(place)

    def layer(self, layer: LayerValue, value: Value, place: Location) -> TensorValue:
        """Draw the call of a layer on a tensor."""
        number = self.entering(value, place)
        for part in layer.parts:
            number = self.add(part, (number,), place, layer=layer)
        return TensorValue(number)

    def merge(
        self,
        part: LayerOperation,
        values: Iterable[Value],
        place: Location,
        layer: LayerValue | None = None,
    ) -> TensorValue:
        """Draw what makes one tensor of several."""
        inputs = [self.entering(value, place) for value in values]
        return TensorValue(self.add(part, inputs, place, layer=layer))

    def opaque(self, values: Iterable[Value], place: Location, name: str = "call") -> Value:
        """Draw a call of which nothing is known: it yields a tensor if tensors go in."""
        inside = [each for value in values for each in flows(value)]
        return TensorValue(self.unknown(inside, place, name)) if inside else OPAQUE

    def input(self, place: Location) -> int:
        """Draw a tensor of which nothing is known."""
        return self.add(LayerOperation(Kind.INPUT, "input"), (), place)

    def unknown(self, inputs: Sequence[int], place: Location, name: str = "call") -> int:
        """Draw a call of which nothing is known."""
        return self.add(LayerOperation(Kind.UNKNOWN, name), inputs, place)

    def reshape(self, source: int, place: Location, name: str) -> int:
        """Draw a call that keeps the values."""
        return self.add(LayerOperation(Kind.RESHAPE, name, Reshape("view")), (source,), place)

    def average(self, source: int, place: Location) -> int:
        """Draw a mean over some axes."""
        pool = Pool("average", (), (), (), ((0, 0),), ())
        return self.add(LayerOperation(Kind.POOL, "mean", pool), (source,), place)

    @property
    def content(self) -> Hashable:
        """What makes two drafts the same."""
        return tuple(self.drawn), tuple(self.outputs), frozenset(self.checkpointed)

    def sketch(self) -> Sketch:
        """What was drawn."""
        nodes = tuple(each.node(number) for number, each in enumerate(self.drawn))
        inputs = tuple(node.id for node in nodes if node.kind is Kind.INPUT)
        outputs = tuple(dict.fromkeys(self.outputs))
        numbered = list(enumerate(self.drawn))
        return Sketch(
            Graph(nodes, inputs, outputs, Mode.TRAIN),
            {number: each.made for number, each in numbered if each.made is not None},
            {number: each.part for number, each in numbered},
            {number: each.library for number, each in numbered if each.made is not None},
            frozenset(self.checkpointed),
        )


def _no_values() -> "NDArray[Any]":
    """A parameter known from source alone has no values."""
    no_values()


def no_values() -> NoReturn:
    """Say that source has no values."""
    raise NormdropError("source has no values: build the model to read its parameters")
