"""Dropout and norm layers of a Keras model in modes of their own."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import normdrop
from normdrop.errors import CaptureError, UsageError

X = np.random.default_rng(0).normal(1.0, 2.0, (16, 4)).astype("float32")


def _model() -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.BatchNormalization(name="bn"),
            layers.Dropout(0.5, name="drop"),
        ]
    )
    model.get_layer("bn").moving_mean.assign(np.full(4, 0.5))
    return model


def _numpy(x: Any) -> np.ndarray:  # noqa: ANN401 - a tensor
    return np.array(ops.convert_to_numpy(x))


def _running(x: np.ndarray) -> np.ndarray:
    return np.asarray((x - 0.5) / np.sqrt(1 + 1e-3))


def _batch(x: np.ndarray) -> np.ndarray:
    return np.asarray((x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3))


@pytest.mark.parametrize("training", [None, False, True])
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("norm", ["running", "batch"])
def test_calls_obey(training: bool | None, norm: Any, *, dropout: bool) -> None:  # noqa: ANN401, FBT001 - a mode
    """Whatever `training` says: units are dropped or not, and scaled as the norm's mode has it."""
    model = _model()
    weights = [_numpy(w) for w in model.get_layer("bn").weights]
    with normdrop.modes(model, dropout=dropout, norm=norm):
        outputs = _numpy(model(X, training=training))
    expected = _running(X) if norm == "running" else _batch(X)
    kept = outputs != 0
    assert kept.all() == (not dropout)
    np.testing.assert_allclose(
        outputs[kept], (expected * (2 if dropout else 1))[kept], rtol=1e-4, atol=1e-5
    )
    for one, other in zip(weights, model.get_layer("bn").weights, strict=True):
        np.testing.assert_array_equal(one, _numpy(other))


def test_what_is_not_named_stays_as_called() -> None:
    """Dropout alone leaves the norm layer to the call, which may teach it."""
    model = _model()
    with normdrop.modes(model, dropout=False):
        np.testing.assert_allclose(_numpy(model(X)), _running(X), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(_numpy(model(X, training=True)), _batch(X), rtol=1e-3, atol=1e-4)
    assert not np.array_equal(_numpy(model.get_layer("bn").moving_mean), np.full(4, 0.5))
    with normdrop.modes(model, norm="batch"):
        assert (_numpy(model(X, training=True)) == 0).any()
        assert (_numpy(model(X, training=False)) != 0).all()


def test_monte_carlo_dropout_by_predict() -> None:
    """`predict` draws anew each time inside, and its functions from outside are used outside."""
    model = _model()
    plain = model.predict(X, verbose=0)
    function = model.predict_function
    with normdrop.modes(model, dropout=True, norm="running"):
        assert model.predict_function is None
        draws = [model.predict(X, verbose=0) for _ in range(3)]
        assert model.predict_function is not function
    assert model.predict_function is function
    assert not np.array_equal(draws[0], draws[1])
    kept = draws[0] != 0
    np.testing.assert_allclose(draws[0][kept], 2 * _running(X)[kept], rtol=1e-5)
    np.testing.assert_array_equal(model.predict(X, verbose=0), plain)


def test_frozen_layers_keep_to_their_moving_statistics() -> None:
    """A layer that is not trainable goes by what it has stored, by `"batch"` too."""
    model = _model()
    model.get_layer("bn").trainable = False
    with normdrop.modes(model, norm="batch", dropout=False):
        np.testing.assert_allclose(_numpy(model(X)), _running(X), rtol=1e-5, atol=1e-5)


class _Block(layers.Layer):
    """Noise of its own, and a norm layer inside."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - what Keras' own layer takes
        super().__init__(**kwargs)
        self.generator = keras.random.SeedGenerator(3)
        self.norm = layers.BatchNormalization()

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.norm.build(shape)

    def call(self, x: Any, training: bool | None = None) -> Any:  # noqa: ANN401, FBT001 - Keras' own
        x = self.norm(x, training=training)
        return x + keras.random.normal(ops.shape(x), seed=self.generator) if training else x


def test_noise_around_a_norm_needs_both_said() -> None:
    """One switch cannot mean two things; with both said each is as it should be."""
    model = keras.Sequential([keras.Input((4,)), _Block(name="block")])
    with (
        pytest.raises(UsageError, match="block makes noise and has norm layers inside"),
        normdrop.modes(model, dropout=True),
    ):
        pass
    before = _numpy(model.layers[0].norm.moving_mean)
    with normdrop.modes(model, dropout=True, norm="running"):
        outputs = _numpy(model(X))
    assert not np.allclose(outputs, X, atol=0.1)
    np.testing.assert_array_equal(before, _numpy(model.layers[0].norm.moving_mean))


def test_all_is_put_back_after_an_error() -> None:
    """Calls and classes of layers, and compiled functions."""
    model = _model()
    model.predict(X, verbose=0)
    before = [(type(layer), dict(vars(layer))) for layer in (model, *model.layers)]

    def fail() -> None:
        with normdrop.modes(model, dropout=True, norm="batch"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert before == [(type(layer), dict(vars(layer))) for layer in (model, *model.layers)]


def test_wrong_arguments() -> None:
    """Another word for a mode, and a model that is not built."""
    with pytest.raises(UsageError, match="norm='train'"), normdrop.modes(_model(), norm="train"):  # type: ignore[arg-type] # on purpose
        pass
    unbuilt = keras.Sequential([layers.Dense(2)])
    with pytest.raises(CaptureError, match="is not built"), normdrop.modes(unbuilt, dropout=True):
        pass
