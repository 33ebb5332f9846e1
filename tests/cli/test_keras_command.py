"""The commands on `.keras` files and on callables that make Keras models."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from normdrop.cli import main
from normdrop.cli._batches import laid_out, resolve
from normdrop.cli._metric import keras_accuracy, keras_loss, keras_mse
from normdrop.errors import UsageError

_FACTORY = """
import keras

def network(rate=0.5):
    layers = keras.layers
    return keras.Sequential([
        keras.Input((8,)), layers.Dense(8, use_bias=False), layers.Dropout(rate),
        layers.BatchNormalization(), layers.ReLU(), layers.Dense(2),
    ])

class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop, self.norm = keras.layers.Dropout(0.5), keras.layers.BatchNormalization()

    def call(self, inputs, training=False):
        return self.norm(self.drop(inputs, training=training), training=training)

def own():
    import numpy as np
    model = Own()
    model(np.zeros((2, 8)))
    return model
"""


def _run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def _network(rate: float = 0.5) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, use_bias=False),
            layers.Dropout(rate, name="drop"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A model with dropout before a norm."""
    path = tmp_path / "model.keras"
    _network().save(path)
    return path


@pytest.fixture
def factory(tmp_path: Path) -> str:
    """A file with callables that make Keras models."""
    path = tmp_path / "keras_nets.py"
    path.write_text(_FACTORY)
    return str(path)


def test_check_predict_and_fix_read_a_keras_file(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The input's shape is the model's own; what is written has nothing left to find."""
    assert _run("check", saved) == 1
    assert "ND101 error: drop" in capsys.readouterr().out
    assert _run("predict", saved, "--method", "moments", "--format", "json") == 1
    (layer,) = json.loads(capsys.readouterr().out)["layers"]
    assert layer["path"] == "norm"
    assert layer["shift"] == pytest.approx(0.5)
    out = tmp_path / "fixed.keras"
    assert _run("fix", saved, "--out", out) == 0
    assert "moved to the head" in capsys.readouterr().out
    assert _run("check", out) == 0
    capsys.readouterr()
    assert _run("predict", out, "--method", "moments", "--input-shape", "8,8,1") == 0
    model, mended = keras.saving.load_model(saved), keras.saving.load_model(out)
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 1)).astype("float32")
    np.testing.assert_array_equal(model.predict(x, verbose=0), mended.predict(x, verbose=0))
    names = [each.name for each in model.layers]
    assert [each.name for each in mended.layers] == [names[0], *names[2:4], "drop", *names[4:]]


def test_callables_may_make_keras_models(
    factory: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With weights from a file, and weights alone written."""
    made = f"{factory}:network"
    assert _run("fix", made, "--out", tmp_path / "w.weights.h5") == 0
    capsys.readouterr()
    given = ("--weights", tmp_path / "w.weights.h5", "--with", "rate=0.0")
    assert _run("predict", made, "--method", "moments", *given) == 0
    assert _run("check", made) == 1


def test_one_line_for_what_cannot_be_used(
    saved: Path, factory: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2, and what to do."""
    damaged = tmp_path / "damaged.keras"
    damaged.write_bytes(saved.read_bytes()[:100])
    (tmp_path / "old.h5").touch()
    foreign = tmp_path / "foreign.keras"
    with zipfile.ZipFile(saved) as archive, zipfile.ZipFile(foreign, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "config.json":
                content = content.replace(b'"module": "keras.layers"', b'"module": "evil"')
            copy.writestr(name, content)
    lines = {
        ("check", damaged): "is no .keras file, or damaged",
        ("check", foreign): "names a class that neither Keras nor normdrop has, evil.",
        ("fix", tmp_path / "old.h5"): "even in safe mode",
        ("predict", tmp_path / "none.keras"): "no such file",
        ("check", saved, "--with", "rate=0.1"): "--with is for callables",
        ("check", saved, "."): "checked by itself",
        ("fix", saved, "--out", tmp_path / "x.pt"): "name the file .keras or .weights.h5",
        ("fix", saved, "--out", tmp_path / "x.bin"): "name the file .pt or .safetensors",
        ("fix", saved, "--write"): "--out writes a model",
        ("predict", saved, "--weights", damaged): "does not fit the model",
        ("predict", f"{factory}:own"): "needs an input: add --input-shape, such as 32,32,3",
        ("fix", f"{factory}:own", "--input-shape", "8"): "subclassed model",
        ("measure", saved, "--data", "x:y", "--device", "cpu"): "--device is for torch models",
    }
    for arguments, words in lines.items():
        assert _run(*arguments) == 2, arguments
        output = capsys.readouterr()
        assert words in output.err, arguments
        assert output.err.count("\n") == 1
        assert output.out == ""


def test_a_backend_that_is_missing_is_named(saved: Path) -> None:
    """Through the installed command: one line, status 2."""
    command = Path(sys.executable).parent / "normdrop"
    done = subprocess.run(
        [command, "check", saved],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Keras cannot start on its backend 'jax'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_commands_start_without_a_framework() -> None:
    """Neither torch nor Keras is imported before a model is asked for."""
    code = (
        "import importlib, sys\n"
        "for name in 'check fix predict measure recalibrate doctor'.split():\n"
        "    importlib.import_module(f'normdrop.cli.{name}')\n"
        "print([name for name in ('torch', 'keras') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _first(model: keras.Model) -> tuple[Any, Any]:
    pair: Any = next(iter(resolve("digits", model, batch_size=16)))
    return pair[0], pair[1]


def test_built_in_data_come_as_the_model_takes_them() -> None:
    """Arrays with channels last, or flat; images of another size are refused."""
    inputs, targets = _first(_network())
    assert isinstance(inputs, np.ndarray)
    assert inputs.shape == (16, 8, 8, 1)
    assert targets.shape == (16,)
    flat = keras.Sequential([keras.Input((64,)), layers.Dense(2)])
    assert _first(flat)[0].shape == (16, 64)
    other = keras.Sequential([keras.Input((9, 9, 1)), layers.Flatten()])
    with pytest.raises(UsageError, match=r"digits has rows of shape \(8, 8, 1\)"):
        _first(other)


def test_rows_keep_their_channels() -> None:
    """Each pixel is where its channel, row and column say."""
    rows = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    last = laid_out(rows, (4, 5, 3), "rows")
    assert last[1, 2, 3, 0] == rows[1, 0, 2, 3]
    assert laid_out(rows, (3, 4, 5), "rows") is rows
    assert laid_out(rows, None, "rows").shape == (2, 4, 5, 3)
    assert laid_out(rows, (60,), "rows")[0, 1] == rows[0, 1, 0, 0]
    assert laid_out(rows[:, :1], (4, 5), "rows")[1, 2, 3] == rows[1, 0, 2, 3]


def test_metrics_take_probabilities_and_logits() -> None:
    """The same figures as Keras' own losses give."""
    generator = np.random.default_rng(0)
    logits, labels = generator.normal(size=(32, 5)), generator.integers(0, 5, 32)
    chances = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    wanted = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    for outputs in (logits, chances):
        assert keras_loss(outputs, labels) == pytest.approx(float(keras.ops.mean(wanted)), abs=1e-5)
        assert keras_accuracy(outputs, labels) == (logits.argmax(1) == labels).mean()
    assert keras_accuracy(logits, np.eye(5)[labels]) == keras_accuracy(logits, labels)
    assert keras_accuracy(np.array([[0.4], [0.6]]), np.array([0, 1])) == 1.0
    assert keras_accuracy(np.array([[-0.4], [2.6]]), np.array([0, 1])) == 1.0
    assert keras_mse(np.array([[1.0], [2.0]]), np.array([1.0, 4.0])) == 2.0
