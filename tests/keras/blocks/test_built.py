"""What blocks are made of and compute, held to what they were when `built.json` was written.

Configurations, names of weights, outputs and noise are promises: files of old models go by them.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from channels_first import CHANNELS_FIRST

from normdrop.errors import NormdropError
from normdrop.keras import Block, GaussianDropout, Head, ResidualBlock, UniformDropout

KEPT = json.loads(Path(__file__).with_name("built.json").read_text())
MODEL = Path(__file__).with_name("blocks.keras")
NAMES = {
    **{kind.__name__: kind for kind in (Block, Head, ResidualBlock)},
    **{kind.__name__: kind for kind in (GaussianDropout, UniformDropout)},
    "Dropout": keras.layers.Dropout,
    "keras": keras,
}
# Each backend draws its own noise; this is the one whose draws were kept.
DRAWN_BY = "torch"


def pads_as_kept() -> bool:
    """Whether strided convolutions of Keras' pad as on TensorFlow.

    On torch Keras 3.6 to 3.8 pad a kernel of one, which wants none: it sees other positions.
    """
    x = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    corners = []
    for size in (1, 3):
        sums = keras.layers.Conv2D(1, size, strides=2, padding="same", kernel_initializer="ones")
        corners.append(float(keras.ops.convert_to_numpy(sums(x))[0, 0, 0, 0]))
    return corners == [x[0, 0, 0, 0], x[0, :3, :3].sum()]


PADS_AS_KEPT = pads_as_kept()


def described(call: str) -> dict[str, Any]:
    """Configuration, weights by path, layers, and sums of outputs, in training where noise is kept.

    What Keras adds to a configuration is left out.
    """
    keras.backend.clear_session()  # names are numbered from it on
    block = eval(call, NAMES)  # noqa: S307 - the calls are in our file
    config = json.loads(json.dumps(block.get_config()))
    shape = entering(call)
    block.build((None, *shape[1:]))
    for number, weight in enumerate(block.trainable_weights):
        units = np.arange(int(np.prod(weight.shape))) + number
        weight.assign(np.sin(units).reshape(weight.shape) / 3)
    x = np.linspace(-1, 1, int(np.prod(shape)), dtype="float32").reshape(shape)
    drawn = [True] if keras.backend.backend() == DRAWN_BY else []
    outputs = [block(x, training=training) for training in (False, *drawn)]
    return {
        "config": {key: config[key] for key in config if key not in {"name", "trainable", "dtype"}},
        "shape": list(block.compute_output_shape((None, *shape[1:]))),
        "weights": {weight.path: list(weight.shape) for weight in block.weights},
        "layers": [each.name for each in block._flatten_layers(include_self=False)],  # noqa: SLF001 - no public walk
        "outputs": [total for each in outputs for total in sums(each)],
    }


def entering(call: str) -> tuple[int, ...]:
    """The shape of an input for a block."""
    dimensions = 0 if "linear" in call.partition(",")[0] else 2
    if "dimensions=" in call:
        dimensions = int(call.partition("dimensions=")[2][0])
    positions = [12] * dimensions
    return (4, 8, *positions) if "channels_first" in call else (4, *positions, 8)


def sums(outputs: Any) -> list[float]:  # noqa: ANN401 - a tensor of the backend's
    """Sum and sum of squares."""
    values = keras.ops.convert_to_numpy(outputs).astype("float64")
    return [float(values.sum()), float(np.square(values).sum())]


def refusal(call: str) -> str:
    """The error that a call, or building what it makes, raises."""
    with pytest.raises(NormdropError) as caught:
        eval(call, NAMES).build(entering(call))  # noqa: S307 - the calls are in our file
    return f"{caught.type.__name__}: {caught.value}"


def mask_digest(kind: type[Any], along: str) -> str:
    """A digest of the noise that a layer draws from seed 5, to the last bit."""
    mask = kind(0.3, along=along, seed=5)(np.ones((5, 7, 11, 3), "float32"), training=True)
    return hashlib.sha256(keras.ops.convert_to_numpy(mask).tobytes()).hexdigest()[:16]


def convolves_channels_first(call: str) -> bool:
    """Whether there is a convolution that only some backends have."""
    return "channels_first" in call and not call.startswith("Head")


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(call, marks=[CHANNELS_FIRST] if convolves_channels_first(call) else [])
        for call in KEPT["built"]
    ],
)
def test_block_is_what_it_was(call: str) -> None:
    """Configuration, weights and layers are equal, outputs within the rounding of float32."""
    kept, now = KEPT["built"][call], described(call)
    outputs, wanted = now.pop("outputs"), kept.pop("outputs")
    if PADS_AS_KEPT or "strides" not in call:
        assert outputs == pytest.approx(wanted[: len(outputs)], rel=1e-4, abs=1e-3)
    assert now == kept
    assert list(now["weights"]) == list(kept["weights"])


@pytest.mark.parametrize("call", KEPT["refused"])
def test_wrong_call_is_refused_in_the_same_words(call: str) -> None:
    """Each wrong argument has its own error."""
    assert refusal(call) == KEPT["refused"][call]


@pytest.mark.parametrize("call", ["Block('conv-drop', along='row')", "Head(5, along='row')"])
def test_wrong_word_is_refused_at_once(call: str) -> None:
    """A word for what shares a mask value is looked at before there is a layer that takes it."""
    with pytest.raises(NormdropError, match="along is 'element', 'channel' or 'sample', not 'row'"):
        eval(call, NAMES)  # noqa: S307 - the calls are in our file


def test_file_of_old_model_is_read() -> None:
    """A model of all three blocks, saved before, computes what it computed."""
    model = keras.models.load_model(MODEL)
    x = np.linspace(-1, 1, 4 * 8 * 8 * 3, dtype="float32").reshape(4, 8, 8, 3)
    found = sums(model(x))
    assert np.isfinite(found).all()
    if PADS_AS_KEPT:
        assert found == pytest.approx(KEPT["model"], rel=1e-4)


@pytest.mark.parametrize("kind", [GaussianDropout, UniformDropout])
def test_noise_is_what_it_was(kind: type[Any]) -> None:
    """A seed gives the same masks as ever, bit for bit, on the backend that drew those kept."""
    digests = [mask_digest(kind, along) for along in ("element", "channel", "sample")]
    assert digests == KEPT["noise"].get(keras.backend.backend(), {}).get(kind.__name__, digests)
