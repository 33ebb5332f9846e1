"""A model as the rules see it, whether it was captured or read from source."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from normdrop.values.findings import Unjudged
from normdrop.values.location import Location

if TYPE_CHECKING:
    from normdrop.lint.source import LayerOperation, Sketch
    from normdrop.shifts.graph import Captured, Graph, Node
    from normdrop.shifts.report import LayerShift


_KERAS_ALONE = frozenset({"BatchNormalization", "Dense", "Conv1D", "Conv2D", "Conv3D"})


@dataclass(frozen=True)
class Subject:
    """A model that is checked.

    Attributes:
        graph: Its calls in train mode.
        captured: Its calls in both modes, with shapes and values; None for a model that was read
            from source, which has neither.
        shifts: The expected shift at every norm layer with running statistics, by path; empty for
            a model from source.
        modes: Whether each module is in train mode, by path; empty for a model from source.
        overruled: The layers that were called in train mode where the model was built, and that
            the mode of the whole model overrules.
        untrained: The norm layers that learn statistics while no training changes their own
            parameters.
    """

    graph: "Graph"
    captured: "Captured | None" = None
    shifts: "Mapping[str, LayerShift]" = field(default_factory=dict)
    modes: Mapping[str, bool] = field(default_factory=dict)
    overruled: frozenset[str] = frozenset()
    untrained: frozenset[str] = frozenset()
    _made: Mapping[int, Location] = field(default_factory=dict)
    _parts: "Mapping[int, LayerOperation]" = field(default_factory=dict)
    _libraries: Mapping[int, str] = field(default_factory=dict)
    _checkpointed: frozenset[int] = frozenset()

    @classmethod
    def from_sketch(cls, sketch: "Sketch") -> "Subject":
        """A model read from source."""
        return cls(
            sketch.graph,
            _made=sketch.made,
            _parts=sketch.parts,
            _libraries=sketch.libraries,
            _checkpointed=sketch.checkpointed,
        )

    @cached_property
    def reaching(self) -> Mapping[str, Sequence[str]]:
        """Norm layer path to the noise layers that reach it with no other such norm between."""
        from normdrop.shifts.graph.paths import noise_before

        found: dict[str, dict[str, None]] = {}
        for norm in self.graph:
            if norm.carries_statistics:
                for path in noise_before(self.graph, norm):
                    found.setdefault(norm.layer, {})[path.noise.layer] = None
        return {norm: tuple(noises) for norm, noises in found.items()}

    def unjudged(self, norms: Iterable[str]) -> Iterator[Unjudged]:
        """The norms of a captured model that noise may shift by nobody knows how much.

        Args:
            norms: Paths of all norms with running statistics.
        """
        for norm in self.reaching:
            layer = self.shifts.get(norm)
            if layer is None or not layer.shift > 0:
                reason = layer.unknown if layer is not None else ""
                yield Unjudged(norm, reason or "it shows no variance")
        seen = {node.layer for node in self.graph} | {
            parameter.path.rpartition(".")[0]
            for node in self.graph
            for parameter in node.parameters.values()
        }
        used = {layer.path for layer in self.graph.layers if layer.used}
        for norm in norms:
            if norm in used and norm not in seen:
                yield Unjudged(norm, "what it is called with was not seen")

    def made(self, node: "Node") -> Location | None:
        """Where a node's layer is made, or else called."""
        return self._made.get(node.id, node.location)

    def part(self, node: "Node") -> "LayerOperation | None":
        """What the source says of a node's layer, if the model was read from source."""
        return self._parts.get(node.id)

    def is_checkpointed(self, node: "Node") -> bool:
        """Whether source shows that a backward pass makes this call again."""
        return node.id in self._checkpointed

    def is_keras(self, node: "Node") -> bool:
        """Whether a node's layer is one of Keras."""
        if self.captured is not None:
            return node.module_type in _KERAS_ALONE
        return self._libraries.get(node.id) == "keras"

    def pools_everything(self, node: "Node") -> bool:
        """Whether a node averages whole maps."""
        from normdrop.shifts.graph import Pool

        if not isinstance(node.details, Pool) or node.details.method != "average":
            return False
        if self.captured is None:
            return node.operation.startswith("Global")
        (source,) = self.graph.sources(node)
        extents = tuple(source.shape[axis] for axis in node.details.axes)
        spatial = set(range(2, len(source.shape)))
        return set(node.details.axes) == spatial != set() and node.details.kernel == extents != ()

    def describe(self, node: "Node") -> str:
        """A layer in the words of a message: its path and class, and its rate if it has one."""
        named = node.layer and not node.layer.startswith(f"{node.operation} (line")
        module = node.module_type if self.captured is not None else node.operation
        rate = node.noise.rate if node.noise is not None else 0.0
        stated = f"({rate:.3g})" if rate > 0 else ""
        return f"{node.layer} ({module}{stated})" if named else f"{module}{stated}"
