"""Batches run through a Keras model whose norm calls are seen, recorded and answered."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from normdrop.errors import UsageError
from normdrop.keras._running import RunningStatistics, is_still
from normdrop.keras.watch import Listener, NoiseCalls, NormCall, by_running
from normdrop.shifts.expected import Statistics
from normdrop.shifts.stream import Batch, NormMode, Record

Found: TypeAlias = Statistics[Any]
"""Statistics of one call, tensors."""


@dataclass(frozen=True)
class FixedModes:
    """Norm layers that do not follow the model's mode.

    Attributes:
        frozen: Paths of those that go by their moving statistics in training: not trainable, called
            with `training=False` by the model's own code, or of momentum 1, so that they never
            learn.
        always: Paths of those that go by their batch in evaluation.
    """

    frozen: frozenset[str]
    always: frozenset[str]


def fixed_modes(listener: Listener, batch: Batch) -> FixedModes:
    """Run a batch in both modes and look; moving statistics and states are not put back here."""
    training = _by_batch(listener, batch, training=True)
    evaluating = _by_batch(listener, batch, training=False)
    return FixedModes(
        frozenset(path for path, by in training.items() if not by),
        frozenset(path for path, by in evaluating.items() if by),
    )


def _by_batch(listener: Listener, batch: Batch, *, training: bool) -> dict[str, bool]:
    """Norm layer path to whether it learns of, or goes by, its batch."""
    seen: dict[str, bool] = {}

    def answer(call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
        by_batch = call.from_batch and not (training and is_still(call.layer))
        seen[call.path] = seen.get(call.path, False) or by_batch
        return _as_called(call)

    listener.run(batch, answer, training=training)
    return seen


def _as_called(call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
    """The output in the mode the layer was called in."""
    return call.by_batch() if call.from_batch else by_running(call)


class NormRecord(Record[Found]):
    """What reached every norm layer in evaluation, each going by what its call says."""

    def __init__(self) -> None:
        super().__init__(_stacked)

    def answer(self, call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
        """Record a call and answer it as the layer would; moving statistics are not touched."""
        self._record(call)
        return _as_called(call)

    def _record(self, call: NormCall) -> float:
        """Keep a call's statistics; how many values per channel they are of."""
        if call.path not in self.stored:
            self.begin(call.path, call.stored())
        count = _values(call)
        if count:
            self.add(call.path, count, call.moments())
        return count


class RunningRecord(NormRecord):
    """The same, where noise layers are on and pass their mode on to norm layers inside them."""

    def __init__(self, fixed: Callable[[], FixedModes]) -> None:
        super().__init__()
        self._fixed = fixed

    def answer(self, call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
        """Record a call and answer it as in evaluation."""
        self._record(call)
        return call.by_batch() if call.path in self._fixed().always else by_running(call)


class BatchRecord(RunningRecord):
    """What reached every norm layer while each goes by its batch's statistics, frozen ones aside.

    Args:
        fixed: Gives the norm layers that are frozen, once a batch has told.
        frozen: More of them.
    """

    def __init__(
        self, fixed: Callable[[], FixedModes], frozen: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(fixed)
        self._named = frozen

    def answer(self, call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
        """Record a call and answer it as in training; moving statistics are not touched.

        Raises:
            UsageError: The batch has a single value per channel.
        """
        count = self._record(call)
        if call.path in self._fixed().frozen or call.path in self._named:
            return by_running(call)
        if count == 1:
            raise UsageError(
                f"batch {self.batch + 1} has one value per channel at norm layer {call.path!r}, "
                "and batch statistics take two: pass larger batches or estimate with "
                "method='exact'"
            )
        return call.by_batch()


class WatchedRun:
    """Runs a model under watch; see `normdrop.verbs`.

    Use it as a context manager inside `untouched(model)`.

    Args:
        model: Any built model.
        noise: Whether runs switch noise on.
        frozen: Whether it must be known which norm layers are frozen. Then, and with noise, the
            first batch runs once more in each mode.
    """

    all_frozen = (
        "every norm layer is frozen (trainable = False, momentum 1, called with training=False by "
        "the model, or named so): there is nothing to re-estimate; for those that are not "
        "trainable set model.trainable = True first"
    )

    def __init__(self, model: keras.Model, *, noise: bool, frozen: bool) -> None:
        self._noise = NoiseCalls(model) if noise else None
        self._listener = Listener(model, self._noise)
        self._looks = noise or frozen
        self._fixed: FixedModes | None = None
        self.statistics = RunningStatistics(model)

    def __enter__(self) -> Self:
        """Watch the norm layers."""
        self._listener.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """Watch no longer."""
        self._listener.__exit__(*error)

    def record(self, norm: NormMode, frozen: frozenset[str] = frozenset()) -> NormRecord:
        """Begin to record."""
        if norm == "batch":
            return BatchRecord(self._known, frozen)
        return NormRecord() if self._noise is None else RunningRecord(self._known)

    def run(
        self,
        batch: Batch,
        record: Record[Any],
        *,
        dropout: bool = False,
        norm: NormMode = "running",
    ) -> Any:  # noqa: ANN401 - whatever the model returns
        """The outputs of one batch, what reaches the norm layers recorded."""
        del norm  # the record answers by it
        assert isinstance(record, NormRecord)  # noqa: S101 - as `record` gave it
        record.batch = batch.number
        if self._looks:
            if self._fixed is None:
                self._fixed = fixed_modes(self._listener, batch)
            record.frozen |= self._fixed.frozen
        return self._listener.run(batch, record.answer, noisy=dropout)

    def _known(self) -> FixedModes:
        assert self._fixed is not None  # noqa: S101 - asked inside `run`
        return self._fixed


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
