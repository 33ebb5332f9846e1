"""Every noise layer of Keras in the vocabulary is switched by `modes` and blamed by `predict`."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import normdrop
import normdrop.keras as own
from normdrop.values.operations import NOISES

_LAYERS = {name: noise for noise in NOISES for name in noise.keras_layers}
_OWN = [noise.own for noise in NOISES if noise.own]


def _model(noise: keras.layers.Layer) -> keras.Model:
    """Noise of whatever rank it takes before a norm that sees a vector."""
    rank = int(noise.__class__.__name__[-2]) if noise.__class__.__name__.endswith("D") else 0
    keras.utils.set_random_seed(0)
    sizes = (1,) * rank
    return keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(64),
            layers.Reshape((*sizes, 64)),
            noise,
            layers.Flatten(),
            layers.BatchNormalization(),
        ]
    )


def _draws(model: keras.Model, *, dropout: bool) -> bool:
    """Whether two runs differ."""
    x = np.random.default_rng(0).normal(size=(16, 8)).astype("float32")
    with normdrop.modes(model, dropout=dropout, norm="running"):
        one, other = (np.asarray(keras.ops.convert_to_numpy(model(x))) for _ in range(2))
    return not np.array_equal(one, other)


def _made(name: str, kind: Any) -> keras.layers.Layer:  # noqa: ANN401 - a layer's class
    made: keras.layers.Layer = kind(0.5, name=f"{name.lower()}")
    return made


@pytest.mark.parametrize("name", [*_LAYERS, *(f"own {name}" for name in _OWN)])
def test_every_layer_is_blamed_and_switched(name: str) -> None:
    """Layers of Keras and of this library; what is added changes variances as well."""
    kind = getattr(own, name.removeprefix("own ")) if " " in name else getattr(layers, name)
    layer = _made(name.replace(" ", "_"), kind)
    model = _model(layer)
    assert _draws(model, dropout=True)
    assert not _draws(model, dropout=False)
    report = normdrop.predict(model, (8,), method="simulate")
    assert {cause for each in report for cause in each.causes} == {layer.name}
