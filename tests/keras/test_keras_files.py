"""`.keras` files: what is loaded, and what is refused before Keras makes any of it."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from normdrop.errors import UsageError
from normdrop.keras import Block, GaussianDropout, UniformDropout
from normdrop.keras.files import load_model, load_weights, save
from normdrop.keras.model import declared_inputs

Config = dict[str, Any]
Edit = Callable[[Config], object]


def network() -> keras.Model:
    """A model with layers of Keras and of normdrop, a model inside, and operations."""
    inner = keras.Sequential([keras.Input((8, 8, 4)), layers.ReLU(), UniformDropout(0.2)])
    inner.compile("adam", "mse")
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", kernel_regularizer="l2")(inputs)
    x = Block("conv-bn-act", 4)(inner(x)) + x
    x = layers.Bidirectional(layers.LSTM(3))(keras.ops.reshape(x, (-1, 8, 32)))
    return keras.Model(inputs, layers.Dense(2, activation=keras.activations.gelu)(x))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A small model's file."""
    path = tmp_path / "model.keras"
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2), layers.Dropout(0.5)])
    model.compile("sgd", keras.losses.MeanSquaredError())
    model.save(path)
    return path


def edited(path: Path, edit: Edit) -> Path:
    """The file with another configuration."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(content["config.json"])
    content["config.json"] = json.dumps(edit(config) or config).encode()
    hostile = path.with_name("hostile.keras")
    with zipfile.ZipFile(hostile, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return hostile


def test_loads_what_keras_saved(tmp_path: Path) -> None:
    """Everything that computes; the outputs are the same."""
    model = network()
    path = save(model, tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    loaded = load_model(path)
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(loaded(x)), keras.ops.convert_to_numpy(model(x))
    )
    assert declared_inputs(loaded).shape == (8, 8, 3)


def test_loads_noise_layers_by_the_modules_that_once_held_them(tmp_path: Path) -> None:
    """Files name modules that are gone; outputs and noise are the same."""
    noise = (GaussianDropout(0.2, along="channel", seed=4), UniformDropout(0.3, seed=5))
    model = keras.Sequential([keras.Input((8,)), layers.Dense(4), *noise])
    path = save(model, tmp_path / "model.keras")

    def of_old(config: Config) -> None:
        for layer, module in zip(
            config["config"]["layers"][2:], ("_gaussian_dropout", "_uniform_dropout"), strict=True
        ):
            layer["module"] = f"normdrop.keras.layers.{module}"

    x = np.random.default_rng(0).normal(size=(6, 8)).astype("float32")
    now, old = load_model(path), load_model(edited(path, of_old))
    for training in (False, True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(old(x, training=training)),
            keras.ops.convert_to_numpy(now(x, training=training)),
        )


def _layer(configuration: Config, **changes: object) -> None:
    configuration["config"]["layers"][1].update(changes)


def _activation(config: Config, value: object) -> None:
    config["config"]["layers"][1]["config"]["activation"] = value


_FUNCTION = {"class_name": "function", "registered_name": None}


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda c: _layer(c, module="os", class_name="system"), "os.system"),
        (lambda c: _layer(c, module="evil"), "evil.Dense"),
        (lambda c: _layer(c, module="keras.evil"), "keras.evil.Dense"),
        (lambda c: _layer(c, module="keras.layers", class_name="Lambda"), "holds a Lambda"),
        (lambda c: _layer(c, class_name="TorchModuleWrapper"), "holds a TorchModuleWrapper"),
        (lambda c: _layer(c, class_name="NoSuchLayer"), "keras.layers.NoSuchLayer"),
        (lambda c: _layer(c, module=None), "without its module"),
        (lambda c: _layer(c, class_name=["Dense"]), "no name, ['Dense']"),
        (lambda c: _layer(c, registered_name="evil>Dense"), "keras.layers.Dense"),
        (
            lambda c: _layer(c, module="normdrop.lab", registered_name="normdrop>Dense"),
            "normdrop.lab.Dense",
        ),
        (
            lambda c: _activation(c, {**_FUNCTION, "module": "evil", "config": "run"}),
            "not Keras' own, evil.run",
        ),
        (
            lambda c: _activation(c, {**_FUNCTION, "module": "keras.utils", "config": "get_file"}),
            "keras.utils.get_file",
        ),
        (
            lambda c: _activation(
                c,
                {
                    **_FUNCTION,
                    "module": "keras.config",
                    "config": "enable_unsafe_deserialization",
                },
            ),
            "enable_unsafe_deserialization",
        ),
        (
            lambda c: _activation(c, {"class_name": "__lambda__", "config": {"value": "4wEA"}}),
            "holds a lambda",
        ),
        (
            lambda c: _layer(
                c, class_name="StringLookup", config={"vocabulary": "/etc/passwd", "name": "x"}
            ),
            "/etc/passwd",
        ),
        (lambda c: c["config"]["layers"][2].update(build_config={"class_name": "Run"}), "'Run'"),
    ],
)
def test_refuses_what_is_not_keras_own(
    saved: Path, edit: Edit, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that would write a file when imported is not; and Keras is not even asked."""
    folder = saved.parent / "modules"
    folder.mkdir()
    (folder / "evil.py").write_text("import pathlib\npathlib.Path('ran').touch()\nDense = run = 1")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(folder)
    hostile = edited(saved, edit)
    with pytest.raises(UsageError, match="write a callable") as caught:
        load_model(hostile)
    assert words in str(caught.value)
    assert not (folder / "ran").exists()


def test_a_lambda_that_keras_wrote_is_not_run(tmp_path: Path) -> None:
    """One that would write a file."""
    ran = str(tmp_path / "ran")
    layer = layers.Lambda(lambda x: (open(ran, "w"), x)[1], output_shape=(4,))  # noqa: SIM115, PTH123 - proves that it ran
    keras.Sequential([keras.Input((4,)), layer]).save(tmp_path / "model.keras")
    Path(ran).unlink(missing_ok=True)
    with pytest.raises(UsageError, match="holds a Lambda, which is code"):
        load_model(tmp_path / "model.keras")
    assert not Path(ran).exists()


def test_refuses_files_that_are_none(saved: Path, tmp_path: Path) -> None:
    """Missing, empty, cut short, no zip, no model, of a later Keras."""
    with pytest.raises(UsageError, match="no such file"):
        load_model(tmp_path / "none.keras")
    bad = tmp_path / "bad.keras"
    for content in (b"", b"not a zip", saved.read_bytes()[:-40]):
        bad.write_bytes(content)
        with pytest.raises(UsageError, match=r"is no .keras file, or damaged"):
            load_model(bad)
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("config.json", "{" * 9)
    with pytest.raises(UsageError, match="damaged"):
        load_model(bad)
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(UsageError, match=r"holds no model.weights.h5"):
        load_model(bad)
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(bad, "w") as archive:
        for name in old.namelist():
            archive.writestr(name, old.read(name))
        archive.writestr("assets/vocabulary.txt", "a")
    with pytest.raises(UsageError, match=r"assets/vocabulary.txt"):
        load_model(bad)
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(bad, "w") as archive:
        for name in ("config.json", "model.weights.h5"):
            archive.writestr(name, old.read(name))
        archive.writestr("metadata.json", json.dumps({"keras_version": "99.0.0"}))
    with pytest.raises(UsageError, match=r"written by Keras 99.0.0, and 3\..* upgrade"):
        load_model(bad)
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(bad, "w") as archive:
        for name in ("config.json", "model.weights.h5"):
            archive.writestr(name, old.read(name))
        archive.writestr("metadata.json", json.dumps({"keras_version": "new"}))
    load_model(bad)
    layer = layers.Dense(2)
    layer.build((None, 4))
    keras.saving.save_model(layer, bad)
    with pytest.raises(UsageError, match="holds a Dense, not a model"):
        load_model(bad)
    hostile = edited(saved, lambda c: c["config"]["layers"][1]["config"].update(new_setting=1))
    with pytest.raises(UsageError, match="cannot load it"):
        load_model(hostile)


def test_weights_come_from_either_kind_of_file(saved: Path, tmp_path: Path) -> None:
    """Of a `.keras` file only the weights are read, whatever classes it names."""
    model = load_model(saved)
    wanted = model.get_weights()
    save(model, tmp_path / "w.weights.h5")
    hostile = edited(saved, lambda c: _layer(c, module="evil"))
    for path in (tmp_path / "w.weights.h5", saved, hostile):
        model.set_weights([np.zeros_like(each) for each in wanted])
        load_weights(model, path)
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), wanted, strict=True))
    other = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(2)])
    before = other.get_weights()
    with pytest.raises(UsageError, match="does not fit the model"):
        load_weights(other, tmp_path / "w.weights.h5")
    assert all(np.array_equal(a, b) for a, b in zip(other.get_weights(), before, strict=True))
    with pytest.raises(UsageError, match=r".weights.h5 or a .keras"):
        load_weights(model, _touch(tmp_path))


def _touch(folder: Path) -> Path:
    path = folder / "weights.pt"
    path.touch()
    return path


def test_a_failed_save_leaves_the_old_file(saved: Path) -> None:
    """A model whose layer cannot say how it is made."""

    class Broken(layers.Layer):
        def get_config(self) -> dict[str, Any]:
            raise ValueError("no settings")

    before = saved.read_bytes()
    with pytest.raises(UsageError, match="cannot save the model"):
        save(keras.Sequential([keras.Input((4,)), Broken()]), saved)
    assert saved.read_bytes() == before
    assert [each.name for each in saved.parent.iterdir()] == [saved.name]


def test_inputs_that_leave_an_axis_open_say_nothing() -> None:
    """Nor do models that declare none."""
    assert declared_inputs(keras.Sequential([keras.Input((None, 3)), layers.Dense(2)])) is None
    assert declared_inputs(keras.Sequential([layers.Dense(2)])) is None
