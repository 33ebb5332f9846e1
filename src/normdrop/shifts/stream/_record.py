"""Keeps the statistics of what reached the norm layers."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

from normdrop.shifts.stream._statistics import Seen
from normdrop.shifts.stream._stored import Stored
from normdrop.shifts.stream._tally import Tally

TensorT = TypeVar("TensorT")


class Record(Generic[TensorT]):
    """What reached every norm layer in one mode.

    Args:
        stacked: As for `Tally`.

    Attributes:
        batch: Number of the batch that runs.
        stored: Norm layer path to the running statistics when it was first called.
    """

    def __init__(self, stacked: Callable[[Sequence[TensorT]], NDArray[Any]]) -> None:
        self.batch = 0
        self.stored: dict[str, Stored] = {}
        self._stacked = stacked
        self._tallies: dict[str, Tally[TensorT]] = {}

    def begin(self, path: str, stored: Stored, *, pooled: bool = True) -> None:
        """A layer is called for the first time."""
        self._tallies[path] = Tally(path, self._stacked, pooled=pooled)
        self.stored[path] = stored

    def add(self, path: str, count: float, moments: TensorT) -> None:
        """A layer was called: values per channel; mean and biased variance, (2, channels)."""
        self._tallies[path].add(self.batch, count, moments)

    def seen(self) -> dict[str, Seen]:
        """Norm layer path to the statistics of all batches."""
        return {path: tally.seen() for path, tally in self._tallies.items()}
