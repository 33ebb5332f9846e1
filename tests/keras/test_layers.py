"""The noise layers pass Keras' own layer test, and their noise is what it says."""

import math
from typing import Any

import keras
import numpy as np
import pytest
from keras.src.testing import TestCase

from normdrop.errors import NoiseError
from normdrop.keras import GaussianDropout, NoiseLayer, UniformDropout
from normdrop.keras.layers import Along, DataFormat

LAYERS: list[tuple[type[NoiseLayer], dict[str, Any]]] = [
    (GaussianDropout, {"rate": 0.2}),
    (UniformDropout, {"beta": 0.3}),
]
SHAPE = (64, 6, 5, 40)


# Keras' own test fits the layer alone, which has no weights, to what a generator yields.
@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")
@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
@pytest.mark.parametrize(("kind", "arguments"), LAYERS)
@pytest.mark.parametrize("along", ["element", "channel", "sample"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_keras_own_layer_test(
    kind: type[NoiseLayer], arguments: dict[str, Any], along: str, data_format: str
) -> None:
    """Configuration, saving, symbolic and eager calls, training and mixed precision."""
    TestCase().run_layer_test(
        kind,
        init_kwargs={**arguments, "along": along, "data_format": data_format, "seed": 7},
        input_shape=(2, 4, 3),
        expected_output_shape=(2, 4, 3),
        expected_num_trainable_weights=0,
        expected_num_non_trainable_weights=0,
        expected_num_seed_generators=1,
        expected_num_losses=0,
        supports_masking=True,
    )


@pytest.mark.parametrize(("kind", "arguments"), LAYERS)
def test_moments_of_the_mask(kind: type[NoiseLayer], arguments: dict[str, Any]) -> None:
    """Mean 1 and second moment as stated, within five standard errors; one in a million fails."""
    layer = kind(**arguments, seed=3)
    mask = np.asarray(keras.ops.convert_to_numpy(layer(np.ones(SHAPE, "float32"), training=True)))
    deviation = math.sqrt(layer.second_moment_factor - 1)
    assert abs(mask.mean() - 1) < 5 * deviation / math.sqrt(mask.size)
    square_error = (mask.astype(float) ** 2).std() / math.sqrt(mask.size)
    assert abs((mask.astype(float) ** 2).mean() - layer.second_moment_factor) < 5 * square_error


@pytest.mark.parametrize(("kind", "arguments"), LAYERS)
@pytest.mark.parametrize(
    ("along", "data_format", "values"),
    [
        ("element", "channels_last", 64 * 6 * 5 * 40),
        ("channel", "channels_last", 64 * 40),
        ("channel", "channels_first", 64 * 6),
        ("sample", "channels_last", 64),
    ],
)
def test_what_shares_a_value(
    kind: type[NoiseLayer],
    arguments: dict[str, Any],
    along: Along,
    data_format: DataFormat,
    values: int,
) -> None:
    """As many different values as elements, channels or samples; none is drawn twice for long."""
    layer = kind(**arguments, along=along, data_format=data_format, seed=5)
    mask = keras.ops.convert_to_numpy(layer(np.ones(SHAPE, "float32"), training=True))
    positions = (1, 2) if data_format == "channels_last" else (2, 3)
    shared: dict[Along, tuple[int, ...]] = {
        "element": (),
        "channel": positions,
        "sample": (1, 2, 3),
    }
    assert np.ptp(mask, axis=shared[along]).max() == 0
    assert len(np.unique(mask)) > 0.98 * values


@pytest.mark.parametrize(("kind", "arguments"), LAYERS)
def test_inference_and_seeds(kind: type[NoiseLayer], arguments: dict[str, Any]) -> None:
    """Inference hands the input on; a seed gives the same masks in turn, another one others."""
    x = np.ones(SHAPE, "float32")

    def draw(seed: int) -> list[np.ndarray]:
        layer = kind(**arguments, seed=seed)
        return [keras.ops.convert_to_numpy(layer(x, training=True)) for _ in range(2)]

    assert np.array_equal(keras.ops.convert_to_numpy(kind(**arguments)(x, training=False)), x)
    first, second = draw(1), draw(1)
    assert np.array_equal(first, second)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], draw(2)[0])


def test_wrong_arguments() -> None:
    """A rate or beta out of range, and an unknown sharing, are refused with their value."""
    with pytest.raises(NoiseError, match=r"1\.0"):
        GaussianDropout(1.0)
    with pytest.raises(NoiseError, match=r"-0\.1"):
        UniformDropout(-0.1)
    with pytest.raises(NoiseError, match="'row'"):
        UniformDropout(0.1, along="row")  # type: ignore[arg-type] # on purpose
    with pytest.raises(NoiseError, match="channels"):
        UniformDropout(0.1, along="channel")(np.ones(3, "float32"), training=True)
