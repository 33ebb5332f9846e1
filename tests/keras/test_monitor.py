"""The shift in the logs of `fit`, which trains as without."""

import csv
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import normdrop
from normdrop.errors import CaptureError, ShiftWarning, UsageError
from normdrop.keras import ShiftMonitor

_GENERATOR = np.random.default_rng(0)
X = _GENERATOR.normal(size=(320, 8)).astype("float32")
Y = X[:, :1].copy()


def _model(rate: float = 0.5, steps_per_execution: int = 1) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(32),
            layers.Dropout(rate, name="drop"),
            layers.BatchNormalization(momentum=0.8, name="bn"),
            keras.Sequential([layers.BatchNormalization(momentum=0.8, name="norm")], name="inner"),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", steps_per_execution=steps_per_execution)
    return model


def _fit(model: keras.Model, *callbacks: keras.callbacks.Callback, epochs: int = 2) -> Any:  # noqa: ANN401 - Keras' own
    return model.fit(X, Y, epochs=epochs, batch_size=32, verbose=0, callbacks=list(callbacks))


def test_logs_have_every_layer_and_epoch(tmp_path: Path) -> None:
    """In the history, in a CSV file written meanwhile, and in the monitor's own history."""
    model = _model()
    monitor = ShiftMonitor(X[:64], every=4, warn=False)
    file = tmp_path / "log.csv"
    history = _fit(model, monitor, keras.callbacks.CSVLogger(file), epochs=3).history
    names = {f"{kind}/{path}" for kind in ("shift", "mean_shift") for path in ("bn", "inner.norm")}
    assert names < set(history)
    assert all(len(history[name]) == 3 for name in names)
    assert monitor.history.steps == (4, 8, 12, 16, 20, 24, 28)
    shifts = monitor.history.shifts["bn"]
    assert history["shift/bn"] == [shifts[1], shifts[4], shifts[6]]
    with file.open() as lines:
        assert [float(row["shift/bn"]) for row in csv.DictReader(lines)] == history["shift/bn"]
    assert 0 < monitor.share < 1


def test_what_is_logged_is_what_measure_says() -> None:
    """At the last step, on the same batch."""
    model = _model()
    monitor = ShiftMonitor(X[:64], every=20, warn=False)
    _fit(model, monitor)
    report = normdrop.measure(model, [X[:64]])
    assert monitor.latest is not None
    assert monitor.latest.to_dict()["layers"] == report.to_dict()["layers"]


def test_training_gives_the_same_weights() -> None:
    """Bit for bit, dropout and shuffling included."""
    models = [_model(), _model()]
    keras.utils.set_random_seed(1)
    _fit(models[0])
    keras.utils.set_random_seed(1)
    _fit(models[1], ShiftMonitor((X[:64], Y[:64]), every=3, warn=False))
    for one, other in zip(models[0].variables, models[1].variables, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(other))


def test_other_callbacks_are_undisturbed() -> None:
    """Early stopping by the loss stops where it does without; by the shift it can, too."""
    patient = keras.callbacks.EarlyStopping("loss", min_delta=0.3, restore_best_weights=True)
    alone = _fit(_model(), patient, epochs=20).history["loss"]
    patient = keras.callbacks.EarlyStopping("loss", min_delta=0.3, restore_best_weights=True)
    monitor = ShiftMonitor(X[:64], every=5, warn=False)
    assert _fit(_model(), monitor, patient, epochs=20).history["loss"] == alone
    stopping = keras.callbacks.EarlyStopping("shift/bn", mode="max", min_delta=9, patience=0)
    assert len(_fit(_model(), monitor, stopping, epochs=20).history["loss"]) == 2


def test_an_epoch_shorter_than_every_is_logged_once() -> None:
    """The first epoch ends with a look; later ones repeat it until the next is due."""
    monitor = ShiftMonitor(X[:64], every=15, warn=False)
    history = _fit(_model(), monitor, epochs=3).history
    assert monitor.history.steps == (10, 15, 30)
    assert history["shift/bn"] == list(monitor.history.shifts["bn"])


def test_a_second_fit_begins_anew() -> None:
    """The history is that of the last training."""
    model, monitor = _model(), ShiftMonitor(X[:64], every=10, warn=False)
    _fit(model, monitor)
    _fit(model, monitor, epochs=1)
    assert monitor.history.steps == (10,)


def test_a_far_shift_is_warned_of_once_it_can_be_known() -> None:
    """Not while the initial values weigh, then once a layer; never without dropout."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ShiftWarning)
        _fit(_model(), ShiftMonitor(X[:64], every=5), epochs=24)
    told = [str(each.message) for each in caught if each.category is ShiftWarning]
    assert sum("bn (0." in words for words in told) == 1
    assert int(told[0].removeprefix("step ").partition(":")[0]) >= 16
    _fit(_model(0.0), ShiftMonitor(X, every=5), epochs=8)


def test_wrong_arguments() -> None:
    """No steps between looks, a batch that is none of the model's, and one with NaN."""
    with pytest.raises(UsageError, match="every=0"):
        ShiftMonitor(X, every=0)
    with pytest.raises(CaptureError, match=r"batch 1, Sequential.call\(\): ValueError"):
        _fit(_model(), ShiftMonitor(X[:, :3]))
    with pytest.raises(UsageError, match="brings NaN"):
        _fit(_model(), ShiftMonitor(np.full_like(X, np.nan)))
