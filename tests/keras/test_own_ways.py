"""What users of Keras have at hand: whole arrays, a compiled model, declared inputs."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, losses

import normdrop
from normdrop.errors import UsageError
from normdrop.keras.stream import as_batches

_RNG = np.random.default_rng(0)
_X = _RNG.normal(size=(200, 6)).astype("float32")
_Y = _RNG.integers(0, 3, 200).astype("int32")


def _model(*, compiled: bool = True, trained: bool = True) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, kernel_regularizer="l2"),
            layers.Dropout(0.5, name="drop"),
            layers.BatchNormalization(momentum=0.5, name="norm"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    if compiled:
        loss = losses.SparseCategoricalCrossentropy()
        model.compile(
            "adam",
            loss,
            metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2, "mine")],
        )
    if compiled and trained:
        model.fit(_X, _Y, epochs=2, verbose=0)
    return model


@pytest.mark.parametrize("name", ["loss", "accuracy", "mine"])
def test_a_name_means_what_evaluate_calls_so(name: str) -> None:
    """Also with the penalties of regularizers; the model's own metrics stay as they are."""
    model = _model()
    wanted = model.evaluate(_X, _Y, verbose=0, return_dict=True)[name]
    before = [float(variable) for metric in model.metrics for variable in metric.variables]
    modes = normdrop.measure(model, (_X, _Y), name).modes
    assert modes is not None
    assert modes.eval_mode == pytest.approx(wanted, rel=1e-4)
    assert modes.train_mode != pytest.approx(wanted, rel=1e-4)
    after = [float(variable) for metric in model.metrics for variable in metric.variables]
    assert after == before


def test_metrics_are_read_before_anything_is_trained() -> None:
    """Keras resolves names like "accuracy" when it first sees outputs; so are they here."""
    model = _model(trained=False)
    assert normdrop.measure(model, (_X, _Y), "accuracy").modes is not None


@pytest.mark.parametrize(
    ("compiled", "name", "said"),
    [
        (True, "f1", "accuracy, mine, not 'f1'"),
        (False, "accuracy", "not compiled with metrics"),
        (False, "loss", "not compiled with a loss"),
    ],
)
def test_a_name_that_means_nothing_is_refused(compiled: bool, name: str, said: str) -> None:  # noqa: FBT001 - pytest passes it
    """The message lists what there is."""
    with pytest.raises(UsageError, match=said):
        normdrop.measure(_model(compiled=compiled), (_X, _Y), name)


def test_a_name_is_nothing_to_torch() -> None:
    """No model but a compiled one has names for metrics."""
    import torch

    model = torch.nn.Sequential(torch.nn.BatchNorm1d(6))
    with pytest.raises(UsageError, match="not str"):
        normdrop.measure(model, [(torch.zeros(2, 6), torch.zeros(2))], "loss")


@pytest.mark.parametrize(
    "function", [losses.sparse_categorical_crossentropy, keras.metrics.sparse_categorical_accuracy]
)
def test_a_function_may_give_a_value_for_each_example(function: Callable[..., Any]) -> None:
    """Keras' own functions do."""
    model = _model()
    wanted = np.mean(keras.ops.convert_to_numpy(function(_Y, model.predict(_X, verbose=0))))
    modes = normdrop.measure(model, [(_X, _Y)], function).modes
    assert modes is not None
    assert modes.eval_mode == pytest.approx(float(wanted), rel=1e-4)


def test_whole_arrays_are_read_as_fit_reads_them() -> None:
    """Pairs, triples, and inputs by name, 32 examples at a time, as often as needed."""
    weights = np.ones(200, "float32")
    for data in ((_X, _Y), (_X, _Y, weights), ({"a": _X, "b": _X}, _Y), ((_X, _X), _Y)):
        batches = as_batches(data)
        assert isinstance(batches, object)
        read = [batch for _ in range(2) for batch in batches]  # type: ignore[attr-defined] # iterable
        assert len(read) == 2 * 7
        assert all(len(batch) == len(data) for batch in read)
        assert np.array_equal(np.concatenate([batch[1] for batch in read[:7]]), _Y)


@pytest.mark.parametrize(
    "data",
    [
        [(_X, _Y)],
        [_X, _X],
        (_X, _X),  # two batches, as ever
        (_X[:5], _X),
        ((_X, _Y), (_X, _Y)),
        ((_X, _Y), (_X, _Y), (_X, _Y)),
        (1, 2),
        _X,
    ],
)
def test_what_is_batches_stays_so(data: object) -> None:
    """Only a tuple of arrays of as many examples and of other shapes is cut."""
    assert as_batches(data) is data


@pytest.mark.parametrize(
    "verb", [normdrop.check, normdrop.predict, normdrop.fix, normdrop.assert_clean]
)
def test_a_model_that_declares_its_inputs_needs_no_example(verb: Callable[[Any], object]) -> None:
    """Every verb that takes an example; what declares nothing is told what to pass."""
    model = _model(compiled=False)
    if verb is normdrop.assert_clean:
        with pytest.raises(AssertionError, match="ND101"):
            verb(model)
    else:
        assert verb(model) is not None
    import torch

    with pytest.raises(UsageError, match="takes an example"):
        verb(torch.nn.Linear(2, 2))


def test_verbs_of_data_take_whole_arrays() -> None:
    """Recalibrate, check and doctor, of a subclassed model too."""

    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.drop, self.norm = layers.Dropout(0.5), layers.BatchNormalization(momentum=0.5)
            self.out = layers.Dense(3, activation="softmax")

        def call(self, x: Any, training: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - Keras calls it so
            return self.out(self.norm(self.drop(x, training=training), training=training))

    model = Own()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(_X, _Y, epochs=2, verbose=0)
    assert normdrop.doctor(model, (_X, _Y), "loss").findings.codes[:1] == ("ND101",)
    assert "ND101" in normdrop.check(model, batches=(_X, _Y)).codes
    normdrop.recalibrate(model, (_X, _Y)).undo()
