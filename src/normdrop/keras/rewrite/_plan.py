"""What becomes of a model's layers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Side = Literal["before", "after"]


@dataclass(frozen=True)
class LayerPosition:
    """Where a noise layer goes.

    Attributes:
        layer: Id of the layer it goes next to.
        side: Before or after that layer.
        identity: Whether an `Identity` stays where it stood.
    """

    layer: int
    side: Side
    identity: bool = False


@dataclass(frozen=True)
class Plan:
    """What becomes of a model's layers, each named by the id it has in the model as it was.

    Attributes:
        moved: Noise layers, and where they go.
        exchanged: Layers, and what takes their place.
    """

    moved: Mapping[int, LayerPosition] = field(default_factory=dict)
    exchanged: Mapping[int, Any] = field(default_factory=dict)

    def move(self, layer: Any, position: LayerPosition) -> "Plan":  # noqa: ANN401 - a layer
        """The plan with a layer in another place."""
        return replace(self, moved={**self.moved, self.origin(layer): position})

    def exchange(self, layer: Any, other: Any) -> "Plan":  # noqa: ANN401 - layers
        """The plan with another layer in the place of one."""
        return replace(self, exchanged={**self.exchanged, self.origin(layer): other})

    def origin(self, layer: Any) -> int:  # noqa: ANN401 - a layer
        """The id that what stands for a layer now had in the model as it was."""
        found = (key for key, other in self.exchanged.items() if other is layer)
        return next(found, id(layer))

    def beside(self, layer: Any, side: Side) -> Iterator[int]:  # noqa: ANN401 - a layer
        """The noise layers that go to one side of a layer."""
        for key, position in self.moved.items():
            if position.layer == id(layer) and position.side == side:
                yield key

    def touches(self, layer: Any) -> bool:  # noqa: ANN401 - a layer
        """Whether anything becomes of a layer, or comes to stand next to it."""
        positions = {position.layer for position in self.moved.values()}
        return id(layer) in {*self.moved, *self.exchanged, *positions}

    def on(self, twins: Mapping[int, Any]) -> "Plan":
        """The same plan for another model, by its layer for each of this one."""
        return Plan(
            {
                id(twins[key]): replace(position, layer=id(twins[position.layer]))
                for key, position in self.moved.items()
            },
            {id(twins[key]): other for key, other in self.exchanged.items()},
        )
