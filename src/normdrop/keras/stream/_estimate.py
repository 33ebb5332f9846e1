"""Passes of one Keras model over its batches, dropout off."""

import math
from collections.abc import Callable, Mapping

import keras

from normdrop.keras import _running as statistics
from normdrop.keras._switches import is_still, norms_of
from normdrop.keras.stream import BatchRecorder, Habits, Listener, Recorder, habits
from normdrop.shifts.stream import Batches, MetricMean, Pass, Stored, under


class Estimate:
    """The passes that new statistics are found by; see `normdrop.shifts.stream.Passes`.

    Use it inside `untouched(model)`.
    """

    all_frozen = (
        "every norm layer is frozen (trainable = False, momentum 1, called with training=False by "
        "the model, or named so): there is nothing to re-estimate; for those that are not "
        "trainable set model.trainable = True first"
    )

    def __init__(
        self, model: keras.Model, source: Batches, metric: object, frozen: tuple[str, ...]
    ) -> None:
        self._source = source
        self._metric = metric
        self.norms = norms_of(model)
        self._named = under(self.norms, frozen)
        still = {path for path, layer in self.norms.items() if is_still(layer)}
        self.frozen: frozenset[str] = self._named | still
        self.original = {path: statistics.stored(layer) for path, layer in self.norms.items()}
        self.listener = Listener(model)
        self._habits: Habits | None = None

    def by_running(self) -> Pass:
        """Every norm layer goes by its moving statistics."""
        return self._pass(lambda _: Recorder())

    def by_batch(self) -> Pass:
        """Every norm layer that is not frozen goes by its batch's statistics."""
        return self._pass(lambda found: BatchRecorder(found, self._named))

    def write(self, new: Mapping[str, Stored]) -> None:
        """Set moving statistics in place."""
        statistics.write(self.norms, new)

    def _pass(self, make: Callable[[Habits], Recorder]) -> Pass:
        metric = None if self._metric is None else MetricMean(self._metric)
        recorder: Recorder | None = None
        for batch in self._source:
            if self._habits is None:
                self._habits = habits(self.listener, batch)
                self.frozen |= self._habits.frozen
            if recorder is None:
                recorder = make(self._habits)
            recorder.batch = batch.number
            outputs = self.listener.run(batch, recorder.answer)
            if metric is not None:
                metric.add(outputs, batch)
        return Pass(
            {} if recorder is None else recorder.seen(),
            self._source.count,
            self._source.examples,
            metric=math.nan if metric is None else metric.value(),
        )
