"""The shift at every norm layer on real data, in one pass."""

from typing import Any

import keras

from normdrop.keras._backend import backend
from normdrop.keras._switches import norms_of
from normdrop.keras.capture import check_built
from normdrop.keras.measure._fitting import fitting
from normdrop.keras.stream import (
    BatchRecorder,
    Habits,
    HabitualRecorder,
    Listener,
    Recorder,
    habits,
    reading,
)
from normdrop.keras.watch._noise_calls import NoiseCalls
from normdrop.keras.watch._passes import Passes
from normdrop.keras.watch._untouched import untouched
from normdrop.shifts.expected import causes
from normdrop.shifts.report import ModeTable, ShiftReport
from normdrop.shifts.stream import Arguments, Batch, FourModes, Mode, Progress, extent, layer_shift

_BLAMED_BATCHES = 4
_BLAMED_EXAMPLES = 512


def measure(
    model: keras.Model,
    batches: object,
    metric: object = None,
    *,
    limit: int | None = None,
    device: object = None,
    blame: bool = False,
    progress: Progress | None = None,
) -> ShiftReport:
    """The shift at every norm layer on real data; see `normdrop.measure`."""
    check_built(model)
    source = reading(batches, model, limit=limit, device=device, progress=progress)
    sample: list[Batch] = []
    wanted = (_BLAMED_BATCHES, _BLAMED_EXAMPLES) if blame else (1, 1)
    four: FourModes[Recorder] | None = None
    modes: ModeTable | None = None
    recorder = Recorder()
    noise = None if metric is None else NoiseCalls(model)
    with untouched(model), backend().without_gradients(), Listener(model, noise) as listener:
        for batch in source:
            if len(sample) < wanted[0] and sum(one.size for one in sample) < wanted[1]:
                sample.append(batch)
            if metric is None:
                recorder.batch = batch.number
                listener.run(batch, recorder.answer)
                continue
            if four is None:
                four = _four_modes(metric, listener, habits(listener, batch))
                recorder = four.eval.record
            four.add(batch)
        seen = recorder.seen()
    if four is not None:
        modes = four.table(_memory(model), fitting(model, sample[0].arguments), unbiased=False)
    shares = _blamed(model, sample) if blame else {}
    layers = [
        layer_shift(path, one, recorder.stored[path], shares.get(path, {}))
        for path, one in seen.items()
    ]
    return ShiftReport(layers, "measured", (extent(source.count, source.examples),), modes)


def _four_modes(metric: object, listener: Listener, found: Habits) -> FourModes[Recorder]:
    """Modes with dropout on draw the same noise; moving statistics are read, never updated."""

    def run(mode: Mode[Recorder], batch: Batch) -> Any:  # noqa: ANN401 - whatever the model returns
        return listener.run(batch, mode.record.answer, noisy=mode.dropout)

    return FourModes(metric, lambda: HabitualRecorder(found), lambda: BatchRecorder(found), run)


def _blamed(model: keras.Model, sample: list[Batch]) -> dict[str, dict[str, float]]:
    """Norm layer path to noise layer path to its share."""

    def call(inputs: Arguments, *, training: bool) -> Any:  # noqa: ANN401 - whatever it returns
        args, kwargs = inputs
        return model(*args, training=training, **kwargs)

    with untouched(model):
        return causes(Passes(model, call), [batch.arguments for batch in sample])


def _memory(model: keras.Model) -> dict[str, float]:
    """Norm layer path to the variance of its running average over that of one batch.

    That is (1 - m) / (1 + m) at Keras' momentum m, which a new batch counts 1 - m against.
    """
    return {
        path: (1 - layer.momentum) / (1 + layer.momentum) for path, layer in norms_of(model).items()
    }
