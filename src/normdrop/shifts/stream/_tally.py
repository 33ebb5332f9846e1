"""Batches of one norm layer put together, some tens of them at a time."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from normdrop.errors import UsageError
from normdrop.shifts.stream._statistics import Seen, merged

_PENDING = 32
"""Batches that wait to be folded in at once: a fold costs as much as ten small calls."""

TensorT = TypeVar("TensorT")


class Tally(Generic[TensorT]):
    """Collects the batches of one norm layer in memory for some tens of them, however many come.

    Args:
        path: Module path of the norm layer, for errors.
        stacked: Makes one array of many tensors, shape (tensors, 2, channels); it may take its time
            with each, since it is not called for each.
        pooled: As in `Seen`.
    """

    def __init__(
        self,
        path: str,
        stacked: Callable[[Sequence[TensorT]], NDArray[Any]],
        *,
        pooled: bool = True,
    ) -> None:
        self._path = path
        self._stacked = stacked
        self._pooled = pooled
        self._seen: Seen | None = None
        self._pending: list[tuple[int, float, TensorT]] = []

    def add(self, batch: int, count: float, moments: TensorT) -> None:
        """One batch: values per channel; mean and biased variance, shape (2, channels)."""
        self._pending.append((batch, count, moments))
        if len(self._pending) == _PENDING:
            self._fold()

    def seen(self) -> Seen:
        """What has been added so far.

        Raises:
            UsageError: A value was NaN or infinite; the message names the layer and the batch.
        """
        if self._pending:
            self._fold()
        return Seen.nothing(0) if self._seen is None else self._seen

    def _fold(self) -> None:
        numbers, counts, moments = zip(*self._pending, strict=True)
        self._pending.clear()
        both = self._stacked(moments).astype(np.float64)
        if not np.isfinite(both).all():
            first = numbers[int(np.flatnonzero(~np.isfinite(both).all((1, 2)))[0])]
            raise UsageError(
                f"batch {first + 1} brings NaN or infinity to norm layer {self._path!r}: look for "
                "it in the data, then in the weights before that layer"
            )
        mean, variance = both[:, 0], both[:, 1]
        size = np.array(counts, dtype=np.float64)
        count = float(size.sum())
        weight = size / count
        centre, within = weight @ mean, weight @ variance
        between = weight @ np.square(mean - centre)
        spread = float(weight @ np.square((variance - within).mean(1)))
        folded = Seen(count, len(numbers), centre, within, between, spread, self._pooled)
        self._seen = folded if self._seen is None else merged(self._seen, folded)
