"""Batches run through a Keras model whose norm calls are seen, recorded and answered."""

from collections.abc import Callable, Mapping
from typing import Any, Self

import keras

from normdrop.keras._running import RunningStatistics
from normdrop.keras.stream._recorder import (
    BatchRecord,
    FixedModes,
    NormRecord,
    RunningRecord,
    fixed_modes,
)
from normdrop.keras.watch import Listener, NoiseCalls
from normdrop.shifts.stream import Batch, NormMode, Pass, Record


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
    several_processes = False

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

    def together(self, run: Callable[[], Pass], channels: Mapping[str, int]) -> Pass:
        """Keras models run in one process."""
        del channels
        return run()

    def _known(self) -> FixedModes:
        assert self._fixed is not None  # noqa: S101 - asked inside `run`
        return self._fixed
