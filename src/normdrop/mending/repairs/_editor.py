"""What a framework lends to a repair: how one of its models is read and changed."""

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from normdrop.mending.repairs._places import GraphEdge
from normdrop.mending.repairs._snapshot import Snapshot
from normdrop.shifts.graph import Node


class Journal:
    """Writes down how to take each change of a model back.

    As a context it takes everything back when an error leaves it, so that a model is changed as a
    whole or not at all.

    >>> numbers = [1]
    >>> journal = Journal()
    >>> mark = journal.mark()
    >>> numbers.append(2)
    >>> journal.on_undo(lambda: numbers.remove(2))
    >>> journal.back_to(mark)
    >>> numbers
    [1]
    """

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.back_to(0)

    def on_undo(self, action: Callable[[], object]) -> None:
        """Write down what takes the latest change back."""
        self._undo.append(action)

    def mark(self) -> int:
        """A point to go back to."""
        return len(self._undo)

    def back_to(self, mark: int) -> None:
        """Take back every change since a mark, the latest first."""
        while len(self._undo) > mark:
            self._undo.pop()()


class Editor(Protocol):
    """One model under repair.

    A layer is whatever the framework has for one: it is named by its path, and known by its
    identity, which it keeps when it moves.
    """

    @property
    def journal(self) -> Journal:
        """What takes every change back."""

    @property
    def kit(self) -> str:
        """Where this framework's noise layers are, such as `normdrop.torch`."""

    @property
    def older_files(self) -> str:
        """How files of weights load into a model that has one bias less, as a clause."""

    def snapshot(self) -> Snapshot:
        """The model as it is now.

        Raises:
            CaptureError: The model raised; the message names the layer.
        """

    def difference(self, tolerance: float = 0.0) -> str:
        """What the model no longer does as it did at first, such as its eval outputs; or nothing.

        Args:
            tolerance: How far outputs may be off, as a share of the largest; 0 for no bit.
        """

    def noise_layer(self, snapshot: Snapshot, path: str) -> Any:  # noqa: ANN401 - a framework's layer
        """The noise layer at a path, or, as text, why there is none that can be exchanged."""

    def realizable(
        self, snapshot: Snapshot, noise: Node, edges: Iterable[GraphEdge]
    ) -> GraphEdge | None:
        """The first edge into which a noise layer can be put, as the user's own code allows."""

    def move(self, layer: Any, edge: GraphEdge) -> None:  # noqa: ANN401 - a framework's layer
        """Take a noise layer from where it is, and put it into an edge that is realizable."""

    def to_uniform(self, layer: Any, node: Node) -> Any:  # noqa: ANN401 - a framework's layer
        """Put uniform noise of some half-width in the place of a noise layer.

        Args:
            layer: The noise layer.
            node: Its first call.
        """

    def set_beta(self, layer: Any, beta: float) -> None:  # noqa: ANN401 - a framework's layer
        """Give uniform noise its half-width."""

    def to_weaker(self, layer: Any) -> Any:  # noqa: ANN401 - a framework's layer
        """Put noise of the same kind, whose rate is to be set, in the place of a noise layer."""

    def set_rate(self, layer: Any, rate: float) -> None:  # noqa: ANN401 - a framework's layer
        """Give noise from `to_weaker` its rate."""

    def to_plain(self, layer: Any, rate: float) -> Any:  # noqa: ANN401 - a framework's layer
        """Put plain dropout of a rate in the place of a noise layer."""

    def words(self, layer: Any) -> str:  # noqa: ANN401 - a framework's layer
        """A layer with its settings, for people."""

    def turn_momentum(self, path: str, momentum: float) -> tuple[float, float] | None:
        """Turn a norm's momentum around.

        Args:
            path: The norm.
            momentum: What the graph says it has.

        Returns:
            What it was and what it is, as the framework writes it; None where it is no attribute
            of the layer.
        """

    def values(self, node: Node, role: str) -> np.ndarray | None:
        """What a parameter of a node holds, in double precision; None where it is computed."""

    def write(self, node: Node, role: str, values: np.ndarray) -> None:
        """Write values into a parameter of a node."""

    def is_tied(self, snapshot: Snapshot, node: Node, role: str) -> bool:
        """Whether other calls than those of the node's layer read its parameter."""

    def spread(self, node: Node, bias: np.ndarray, count: int) -> np.ndarray:
        """A weight's bias of each channel, for the features that a flattening made of them."""

    def remove_bias(self, node: Node) -> None:
        """Make a weight layer one without a bias."""
