"""Answers norm calls and keeps the statistics of what reached them."""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from keras import ops
from numpy.typing import NDArray

from normdrop.errors import UsageError
from normdrop.keras._norm_call import NormCall
from normdrop.keras.stream._answers import answer_as_called, by_running
from normdrop.keras.stream._habits import Habits
from normdrop.shifts.expected import Moments
from normdrop.shifts.stream import Record

Found: TypeAlias = Moments[Any]
"""Statistics of one call, tensors."""


class Recorder(Record[Found]):
    """What reached every norm layer in evaluation, each going by what its call says."""

    def __init__(self) -> None:
        super().__init__(_stacked)

    def answer(self, call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
        """Record a call and answer it as the layer would; moving statistics are not touched."""
        self._record(call)
        return answer_as_called(call)

    def _record(self, call: NormCall) -> float:
        """Keep a call's statistics; how many values per channel they are of."""
        if call.path not in self.stored:
            self.begin(call.path, call.stored())
        count = _values(call)
        if count:
            self.add(call.path, count, call.moments())
        return count


class HabitualRecorder(Recorder):
    """The same, where noise layers are on and pass their mode on to norm layers inside them."""

    def __init__(self, habits: Habits) -> None:
        super().__init__()
        self._habits = habits

    def answer(self, call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
        """Record a call and answer it as in evaluation."""
        self._record(call)
        return call.by_batch() if call.path in self._habits.always else by_running(call)


class BatchRecorder(HabitualRecorder):
    """What reached every norm layer while each goes by its batch's statistics, frozen ones aside.

    Args:
        habits: Which norm layers are frozen.
        frozen: More of them.
    """

    def __init__(self, habits: Habits, frozen: frozenset[str] = frozenset()) -> None:
        super().__init__(habits)
        self._frozen = habits.frozen | frozen

    def answer(self, call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
        """Record a call and answer it as in training; moving statistics are not touched.

        Raises:
            UsageError: The batch has a single value per channel.
        """
        count = self._record(call)
        if call.path in self._frozen:
            return by_running(call)
        if count == 1:
            raise UsageError(
                f"batch {self.batch + 1} has one value per channel at norm layer {call.path!r}, "
                "and batch statistics take two: pass larger batches or estimate with "
                "method='exact'"
            )
        return call.by_batch()


def _values(call: NormCall) -> float:
    """Values per channel that a call's statistics are of; of masks that differ, the mean."""
    shape: tuple[int, ...] = tuple(call.x.shape)
    if call.mask is None:
        return math.prod(shape) / shape[call.axis]
    kept = float(ops.convert_to_numpy(ops.sum(ops.cast(call.mask, "float32"))))
    return kept * shape[-1] / shape[call.axis]


def _stacked(found: Sequence[Found]) -> NDArray[Any]:
    """One array of some tens of statistics, fetched from the device at once."""
    rows = ops.stack([each for one in found for each in (one.mean, one.variance)])
    return np.reshape(ops.convert_to_numpy(rows), (len(found), 2, -1))
