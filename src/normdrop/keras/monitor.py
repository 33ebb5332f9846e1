"""The shift at every norm layer, watched while `fit` trains."""

import time
from typing import Any

import keras

from normdrop.errors import UsageError
from normdrop.keras._backend import backend
from normdrop.keras._running import initial_share
from normdrop.keras.capture import check_built
from normdrop.keras.stream import NormRecord, Reader
from normdrop.keras.watch import Listener, untouched
from normdrop.shifts.expected import INITIAL_ABOVE
from normdrop.shifts.report import ShiftReport
from normdrop.shifts.stream import ShiftLog, WatchedTraining, layer_shift, scalars


class ShiftMonitor(WatchedTraining, keras.callbacks.Callback):
    """Adds the shift at every norm layer to the logs of `fit`.

    After every `every`-th training step, and at the end of the first epoch at the latest, one batch
    goes through the model in evaluation, without gradients, and each norm layer's input is held
    against the moving statistics. That leaves the model and the random state as they were: training
    gives the same weights as without the monitor.

    Each epoch's logs have the last measurement as `shift/<path>` and `mean_shift/<path>`, with the
    path of every norm layer. History, loggers and callbacks that stand behind this one in the list
    see them: `EarlyStopping(monitor="shift/bn", mode="max")` is possible.

    A look costs about a third of a training step with as many examples: with a batch like those
    trained on every 100th step adds about 0.4 %.

    Args:
        batch: What is looked at: a batch like those the model trains on, in any form that `measure`
            takes one. A compiled step hides its own inputs, so they cannot be looked at.
        every: Steps from one measurement to the next.
        warn: Whether to warn when a layer's shift first leaves 0.8 (or 1/0.8), once the moving
            statistics have forgotten their initial values.

    Raises:
        UsageError: `every` is not positive.

    >>> import numpy as np
    >>> keras.utils.set_random_seed(0)
    >>> model = keras.Sequential([
    ...     keras.layers.Dense(64), keras.layers.Dropout(0.5),
    ...     keras.layers.BatchNormalization(momentum=0.9, name="bn"), keras.layers.Dense(1),
    ... ])
    >>> model.compile("sgd", "mse")
    >>> x = np.random.default_rng(0).normal(size=(512, 8)).astype("float32")
    >>> monitor = ShiftMonitor(x[:256], every=50, warn=False)
    >>> history = model.fit(x, x[:, :1], epochs=10, callbacks=[monitor], verbose=0)
    >>> round(history.history["shift/bn"][-1], 1), len(monitor.history)
    (0.5, 4)
    """

    def __init__(self, batch: object, every: int = 100, *, warn: bool = True) -> None:
        super().__init__()
        if every < 1:
            raise UsageError(f"every={every}: a monitor needs a positive number")
        self._batch = batch
        self._every = every
        self._warn = warn
        self._log = ShiftLog(warn=warn)
        self._steps = self._before = 0

    def on_train_begin(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - nothing of it is used
        """Begin to watch."""
        self._log = ShiftLog(warn=self._warn)
        self._steps = self._before = 0
        self._began, self._ended, self._watching = time.perf_counter(), 0.0, 0.0

    def on_epoch_begin(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - same
        """Count on from the epochs before."""
        self._before = self._steps

    def on_train_batch_end(self, batch: int, *_: Any, **__: Any) -> None:  # noqa: ANN401 - same
        """Count the steps, of which one call may run several, and look if it is time to."""
        looks = self._steps // self._every
        self._steps = self._before + batch + 1
        if self._steps // self._every > looks:
            self._measure()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - Keras' signature
        """Log the last measurement."""
        if self.latest is None:
            self._measure()
        if logs is not None and self.latest is not None:
            logs.update(scalars(self.latest))

    def on_train_end(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - same
        """Watch no longer."""
        self._ended = time.perf_counter()

    def _measure(self) -> None:
        start = time.perf_counter()
        model = self.model  # on JAX this brings the variables up to date
        settled = initial_share(model) < INITIAL_ABOVE
        self._log.keep(self._steps, _eval_shift(model, self._batch), settled=settled)
        self._watching += time.perf_counter() - start


def _eval_shift(model: keras.Model, batch: object) -> ShiftReport:
    """The shift at every norm layer against its moving statistics, on one batch.

    Both variances are biased, as Keras keeps the moving ones. The model is left as it was.

    Raises:
        UsageError: The batch is nothing a model takes, or brings NaN.
        CaptureError: The model is not built, or raised.
    """
    check_built(model)
    record = NormRecord()
    with untouched(model), backend().without_gradients(), Listener(model) as listener:
        listener.run(Reader(model)(0, batch), record.answer)
        seen = record.seen()
    layers = [layer_shift(path, one, record.stored[path]) for path, one in seen.items()]
    return ShiftReport(layers, "measured")
