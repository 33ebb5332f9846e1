"""Keras' own losses as metrics: what `model.evaluate` gives, whatever their kind."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, losses, ops

import normdrop


class _Own(losses.Loss):
    """A user's loss, which is not symmetric."""

    def call(self, y_true: Any, y_pred: Any) -> Any:  # noqa: ANN401 - tensors of any backend
        return ops.mean(ops.exp(y_pred - y_true), axis=-1)


def _mean_of(loss: Callable[..., Any]) -> Callable[..., Any]:
    """A loss function of Keras' gives a value per example."""

    def mean(y_true: Any, y_pred: Any) -> Any:  # noqa: ANN401 - tensors of any backend
        return ops.mean(loss(y_true, y_pred))

    return mean


@pytest.mark.parametrize(
    ("activation", "loss", "metric"),
    [
        ("sigmoid", losses.BinaryCrossentropy(), losses.BinaryCrossentropy()),
        (None, losses.BinaryCrossentropy(from_logits=True), None),
        ("sigmoid", losses.BinaryFocalCrossentropy(), None),
        ("softplus", losses.Poisson(), None),
        ("softplus", losses.MeanSquaredLogarithmicError(), None),
        (None, losses.MeanSquaredError(), None),
        (None, losses.Hinge(), None),
        (None, _Own(), None),
        ("sigmoid", losses.BinaryCrossentropy(), _mean_of(losses.binary_crossentropy)),
        (
            None,
            losses.BinaryCrossentropy(from_logits=True),
            _mean_of(partial(losses.binary_crossentropy, from_logits=True)),
        ),
    ],
)
def test_a_loss_of_keras_is_what_evaluate_gives(
    activation: str | None, loss: losses.Loss, metric: Callable[..., Any] | None
) -> None:
    """Objects, a user's subclass, and functions, from probabilities and from logits."""
    keras.utils.set_random_seed(0)
    draws = np.random.default_rng(0)
    x = draws.normal(size=(96, 6)).astype("float32")
    y = draws.integers(0, 2, (96, 1)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(4),
            layers.BatchNormalization(momentum=0.5),
            layers.Dense(1, activation=activation),
        ]
    )
    model.compile("sgd", loss)
    batches = [(x[at : at + 32], y[at : at + 32]) for at in range(0, 96, 32)]
    modes = normdrop.measure(model, batches, metric or loss).modes
    assert modes is not None
    assert modes.eval_mode == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-4)
