"""Planted causes of a gap are named for Keras models too, and noise layers blamed."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import normdrop

Pairs = list[tuple[np.ndarray, np.ndarray]]


def _network(rate: float) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((10, 10, 3))])
    for index, width in enumerate((8, 8, 8)):
        model.add(layers.Conv2D(width, 3, padding="same", name=f"conv{index}"))
        model.add(layers.Dropout(rate if index == 1 else 0.0))
        model.add(layers.BatchNormalization(momentum=0.9, name=f"bn{index}"))
        model.add(layers.Activation("relu"))
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(4))
    return model


def _data(scale: float = 1.0) -> Pairs:
    generator = np.random.default_rng(0)
    return [
        (scale * generator.normal(size=(32, 10, 10, 3)).astype("float32"), np.zeros(32, "int32"))
        for _ in range(15)
    ]


def _square(outputs: Any, targets: Any) -> float:  # noqa: ANN401 - tensors
    del targets
    return float(np.square(ops.convert_to_numpy(outputs)).mean())


@pytest.mark.parametrize(
    "causes", [(), ("Noise",), ("Stale statistics",), ("Other data",), ("Noise", "Other data")]
)
def test_planted_causes_are_named(causes: tuple[str, ...]) -> None:
    """Each cause that is there is named, and no other."""
    model = _network(0.5 if "Noise" in causes else 0.0)
    for x, _ in _data() * 4:
        model(x, training=True)
    if "Stale statistics" in causes:
        for name, factor in (("conv1", 2.0), ("conv2", 1.5)):
            kernel = model.get_layer(name).kernel
            kernel.assign(factor * np.flip(ops.convert_to_numpy(kernel), -1))
    table = normdrop.measure(model, _data(2.0 if "Other data" in causes else 1.0), _square).modes
    assert table is not None
    named = {sentence.partition(":")[0] for sentence in table.explanations}
    if causes:
        assert named == set(causes)
    else:
        assert "agree at every norm layer" in table.explanations[0]


class _Two(keras.Model):
    """Takes two inputs by position, each with its own dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.near, self.far = layers.Dropout(0.5, name="near"), layers.Dropout(0.2, name="far")
        self.first = layers.BatchNormalization(momentum=0.9, name="first")
        self.second = layers.BatchNormalization(momentum=0.9, name="second")

    def call(self, left: Any, right: Any, training: bool | None = None) -> Any:  # noqa: ANN401, FBT001 - Keras' own
        x = self.first(self.near(left, training=training), training=training)
        return self.second(x + self.far(right, training=training), training=training)


def test_blame_shares_the_shift_among_noise_layers() -> None:
    """The one before the first norm has all of it there; the second shares its own."""
    keras.utils.set_random_seed(0)
    model = _Two()
    generator = np.random.default_rng(0)
    batches = [
        tuple(generator.normal(1.0, 1.0, (64, 16)).astype("float32") for _ in range(2))
        for _ in range(40)
    ]
    for left, right in batches:
        model(left, right, training=True)
    report = normdrop.measure(model, batches, blame=True)
    assert dict(report["first"].causes) == {"near": 1.0}
    assert set(report["second"].causes) == {"near", "far"}
    assert sum(report["second"].causes.values()) == pytest.approx(1.0)
    assert dict(normdrop.measure(model, batches)["first"].causes) == {}
