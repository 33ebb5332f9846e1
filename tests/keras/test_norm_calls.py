"""Calls of batch norm layers, answered in their place."""

from typing import Any, TypeAlias

import keras
import numpy as np
import pytest
from keras import layers, ops

from normdrop.errors import CaptureError
from normdrop.keras.watch import NormCall, answered, untouched

Tensor: TypeAlias = Any


class _Frozen(layers.BatchNormalization):
    """Goes by what it has stored, always."""

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor = None) -> Tensor:  # noqa: FBT001 - Keras' own
        del training
        return super().call(inputs * 2.0, training=False, mask=mask)


class _OwnCall(layers.BatchNormalization):
    """Normalises by itself."""

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor = None) -> Tensor:  # noqa: FBT001 - Keras' own
        del training, mask
        return inputs - self.moving_mean


class _Nested(keras.Model):
    """A subclassed model with a Sequential inside and one norm layer called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = keras.Sequential(
            [layers.Dense(5), layers.BatchNormalization(name="inside")], name="inner"
        )
        self.norm = layers.BatchNormalization(name="twice")

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:  # noqa: FBT001 - Keras' own
        x = self.norm(self.inner(x, training=training), training=training)
        return self.norm(x * 2.0, training=training)


def _functional() -> keras.Model:
    inputs = keras.Input((7, 3))
    x = layers.BatchNormalization(axis=1, name="first", epsilon=0.1)(inputs)
    inner = keras.Sequential([layers.BatchNormalization(center=False, name="norm")], name="inner")
    return keras.Model(inputs, inner(x))


def _seen(model: keras.Model, x: Tensor, *, training: bool, by: str = "own") -> list[NormCall]:
    """The calls of a run whose norms answer as Keras' own would."""
    calls: list[NormCall] = []

    def answer(call: NormCall) -> Tensor:
        calls.append(call)
        return call.by_batch() if call.from_batch else call.by(call.stored())

    with answered(model, answer):
        calls_output = model(x, training=training)
    expected = model(x, training=training)
    if by == "own":
        np.testing.assert_allclose(
            ops.convert_to_numpy(calls_output), ops.convert_to_numpy(expected), atol=2e-5
        )
    return calls


def _drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(1.0, 2.0, shape).astype("float32")


def _spread(model: keras.Model) -> keras.Model:
    """Statistics and scales that no fresh layer has."""
    generator = np.random.default_rng(1)
    for variable in model.variables:
        if "seed" not in variable.path:
            variable.assign(generator.uniform(0.5, 1.5, tuple(variable.shape)))
    return model


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", ["functional", "subclassed"])
def test_answers_as_keras_itself(kind: str, *, training: bool) -> None:
    """In both modes the answer is what the layer would return, and calls come with their paths."""
    model = _functional() if kind == "functional" else _Nested()
    x = _drawn(16, 7, 3) if kind == "functional" else _drawn(16, 4)
    model(x)
    calls = _seen(_spread(model), x, training=training)
    paths = ["first", "inner.norm"] if kind == "functional" else ["inner.inside", "twice", "twice"]
    assert [call.path for call in calls] == paths
    assert {call.from_batch for call in calls} == {training}


def test_moments_are_those_of_numpy() -> None:
    """Mean and biased variance over all axes but the layer's, far from 0 too."""
    x = _drawn(64, 7, 3) + 1000.0
    model = keras.Sequential([keras.Input((7, 3)), layers.BatchNormalization(axis=1)])
    (call,) = _seen(model, x, training=False)
    found = call.moments()
    wide = x.astype("float64")
    np.testing.assert_allclose(ops.convert_to_numpy(found.mean), wide.mean((0, 2)), rtol=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(found.variance), wide.var((0, 2)), rtol=1e-5)


def test_masked_positions_do_not_count() -> None:
    """Behind `Masking`, statistics are those of what is not masked, as in Keras' own call."""
    x = _drawn(32, 5, 3)
    x[:, 3:] = 0.0
    model = keras.Sequential(
        [keras.Input((5, 3)), layers.Masking(0.0), layers.BatchNormalization()]
    )
    (call,) = _seen(model, x, training=True)
    kept = x[:, :3].reshape(-1, 3)
    np.testing.assert_allclose(ops.convert_to_numpy(call.moments().mean), kept.mean(0), rtol=1e-4)
    np.testing.assert_allclose(
        ops.convert_to_numpy(call.moments().variance), kept.var(0), rtol=1e-4
    )


def test_a_frozen_layer_does_not_go_by_its_batch() -> None:
    """`trainable=False` means stored statistics in training too."""
    model = keras.Sequential([keras.Input((3,)), layers.BatchNormalization(trainable=False)])
    (call,) = _seen(model, _drawn(8, 3), training=True)
    assert not call.from_batch


def test_a_class_that_calls_up_is_answered_there() -> None:
    """A user's class is asked with the input and the mode that it hands on."""
    model = _spread(keras.Sequential([keras.Input((3,)), _Frozen()]))
    x = _drawn(8, 3)
    (call,) = _seen(model, x, training=True)
    assert not call.from_batch
    np.testing.assert_allclose(ops.convert_to_numpy(call.x), 2 * x)
    assert type(model.layers[-1]) is _Frozen


def test_a_class_with_arithmetic_of_its_own_is_refused() -> None:
    """What cannot be watched is not passed over in silence."""
    model = keras.Sequential([keras.Input((3,)), _OwnCall(name="own")])
    with pytest.raises(CaptureError, match="'own': _OwnCall normalises in a call of its own"):
        _seen(model, _drawn(8, 3), training=True)
    assert type(model.layers[-1]) is _OwnCall
    assert not [name for name in vars(model.layers[-1]) if "normdrop" in name]


def test_renormalization_is_refused_in_training() -> None:
    """Its training output depends on more than the batch."""
    model = keras.Sequential([keras.Input((3,)), layers.BatchNormalization(name="re")])
    _seen(model, _drawn(8, 3), training=False)
    model.layers[-1].renorm = True  # an argument since Keras 3.15
    with pytest.raises(CaptureError, match="re: batch renormalization"):
        _seen(model, _drawn(8, 3), training=True)


@pytest.mark.parametrize("precision", ["mixed_float16", "bfloat16"])
def test_half_precision(precision: str) -> None:
    """Statistics of half precision are taken in single precision, and the output is as it was."""
    model = keras.Sequential([keras.Input((3,)), layers.BatchNormalization(dtype=precision)])
    (call,) = _seen(model, _drawn(64, 3), training=True, by="other")
    assert "float32" in str(call.moments().mean.dtype)
    assert call.by_batch().dtype == model(_drawn(4, 3)).dtype


def test_untouched_refuses_a_model_that_is_not_built() -> None:
    """Its first call would build it for good."""
    with pytest.raises(CaptureError, match="is not built"), untouched(_Nested()):
        pass
