"""The whole examination of Keras models, from Python and at the command line."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import normdrop
from normdrop.errors import CaptureError, UsageError

_RNG = np.random.default_rng(0)
_INPUTS = [_RNG.normal(size=(64, 8)).astype("float32") for _ in range(20)]
_BATCHES = [(x, (x.mean(1) > 0).astype("int64")) for x in _INPUTS]


def _error_rate(outputs: object, targets: object) -> float:
    classes = keras.ops.convert_to_numpy(outputs).argmax(1)
    return float((classes != keras.ops.convert_to_numpy(targets)).mean())


def _model() -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(32, use_bias=False),
            keras.layers.Dropout(0.5, name="drop"),
            keras.layers.BatchNormalization(momentum=0.9, name="norm"),
            keras.layers.Activation("relu"),
            keras.layers.Dense(2),
        ]
    )


def _trained() -> keras.Model:
    model = _model()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss)
    inputs, targets = (np.concatenate(each) for each in zip(*_BATCHES, strict=True))
    model.fit(inputs, targets, batch_size=64, epochs=4, verbose=0)
    return model


def test_trained_weights_are_recalibrated_in_a_copy() -> None:
    """Dropout halves the variance in evaluation; the copy has none of it, the model still does."""
    model = _trained()
    weights = [each.copy() for each in model.get_weights()]
    diagnosis = normdrop.doctor(model, _BATCHES, _error_rate)
    assert diagnosis.treatment == "recalibrated"
    assert diagnosis.name == model.name
    assert diagnosis.findings.codes == ("ND101",)
    assert diagnosis.before is not None
    assert diagnosis.after is not None
    assert diagnosis.before["norm"].shift == pytest.approx(0.5, abs=0.1)
    assert dict(diagnosis.before["norm"].causes) == {"drop": 1.0}
    assert diagnosis.after["norm"].shift == pytest.approx(1, abs=0.02)
    assert isinstance(diagnosis.model, keras.Sequential)
    assert diagnosis.fix is not None
    assert diagnosis.fix.changes
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_fresh_weights_are_fixed() -> None:
    """Nothing is stored yet, so the order of the layers is mended."""
    diagnosis = normdrop.doctor(_model(), _BATCHES)
    assert diagnosis.treatment == "fixed"
    assert diagnosis.before is None
    assert diagnosis.after is not None
    assert diagnosis.after["norm"].shift > 0.97


def test_what_cannot_be_examined_is_refused_in_words() -> None:
    """An unbuilt model, a generator of batches, and a model that cannot be copied."""
    with pytest.raises(CaptureError, match="not built"):
        normdrop.doctor(keras.Sequential([keras.layers.Dense(2)]), _BATCHES)
    with pytest.raises(UsageError, match="can be read only once"):
        normdrop.doctor(_model(), iter(_BATCHES))


def test_a_keras_file_is_examined_and_mended_at_the_command_line(tmp_path: Path) -> None:
    """Exit status 1 for what was found; the mended file loads and is clean; the page is written."""
    _trained().save(tmp_path / "model.keras")
    (tmp_path / "data.py").write_text(
        "import numpy as np\n"
        "def batches():\n"
        "    rng = np.random.default_rng(0)\n"
        "    return [rng.normal(size=(64, 8)).astype('float32') for _ in range(20)]\n"
    )
    command = [str(Path(sys.executable).with_name("normdrop")), "doctor", "model.keras"]
    options = ["--data", "data.py:batches", "--out", "mended.keras", "--report", "page.html"]
    done = subprocess.run(
        [*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "estimated anew with dropout off" in " ".join(done.stdout.split())
    assert "Diagnosis of model.keras" in (tmp_path / "page.html").read_text()
    mended = keras.saving.load_model(tmp_path / "mended.keras")
    assert normdrop.measure(mended, _INPUTS)["norm"].shift == pytest.approx(1, abs=0.02)
