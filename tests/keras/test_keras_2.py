"""Models of Keras 2: refused in words, and carried over where they are trusted.

`keras_2/` holds one model as `tf_keras` 2.21 wrote it, with a `SpatialDropout2D` before a norm.
"""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import normdrop
from normdrop.cli import main
from normdrop.errors import UsageError
from normdrop.verbs import carried_over, load_model

_H5 = Path(__file__).parent / "keras_2" / "model.h5"
_FILE = _H5.with_name("model.keras")
_KEPT = [[0.33802867, 0.34122887, 0.32074252], [0.17462665, 0.75303417, 0.07233912]]
"""What the model gave on `_X` in Keras 2."""
_X = np.linspace(-1, 1, 2 * 8 * 8 * 3, dtype="float32").reshape(2, 8, 8, 3)
_WITH_KERAS_2 = find_spec("tf_keras") is not None


def _status(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    return int(str(ended.value.code))


def test_a_trusted_file_of_keras_2_computes_what_it_did() -> None:
    """Outputs are equal within rounding, and names are kept; the file is not touched."""
    before = _H5.read_bytes()
    model = load_model(_H5, trust=True)
    assert isinstance(model, keras.Model)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(_X)), _KEPT, rtol=1e-4)
    assert {"conv", "drop", "norm", "out"} <= {each.name for each in model.layers}
    assert _H5.read_bytes() == before


@pytest.mark.parametrize("command", ["check", "predict", "fix"])
def test_a_command_reads_it_where_it_is_trusted(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `--trust` the dropout is found; without, one line says what to do."""
    assert _status(command, _H5, "--trust") in {0, 1}
    said = capsys.readouterr()
    assert "drop" in said.out
    assert said.err == ""
    assert _status(command, _H5) == 2
    assert "--trust" in capsys.readouterr().err


def test_a_file_that_only_keras_2_reads_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    """A `.keras` file of Keras 2 is refused in words, and read where `tf_keras` is at hand."""
    assert _status("check", _FILE) == 2
    said = capsys.readouterr().err
    assert "Keras 2" in said
    assert "--trust" in said
    if _WITH_KERAS_2:
        model = load_model(_FILE, trust=True)
        assert isinstance(model, keras.Model)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(model(_X)), _KEPT, rtol=1e-4)
    else:
        assert _status("check", _FILE, "--trust") == 2
        assert "tf_keras" in capsys.readouterr().err


def test_a_saved_model_is_read_by_keras_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder is a model where it is trusted; one line names it, and what it takes."""
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"\x08\x01")
    for trust in ((), ("--trust",)):
        assert _status("check", folder, *trust) == 2
        said = capsys.readouterr().err
        assert str(folder) in said
        assert "tf_keras" in said if trust else "--trust" in said
    if _WITH_KERAS_2:
        import tf_keras

        whole = tmp_path / "whole"
        tf_keras.models.load_model(_FILE).save(whole, save_format="tf")
        model = load_model(whole, trust=True)
        assert isinstance(model, keras.Model)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(model(_X)), _KEPT, rtol=1e-4)


class Model:
    """Stands where `tf_keras.Model` does."""

    name = "old"

    def save(self, file: Path, save_format: str) -> None:
        """As a subclassed model: it has no format of one file."""
        raise NotImplementedError(f"{save_format} is for Functional models, not for {file.name}")


Model.__module__ = "tf_keras.src.engine.training"


@pytest.mark.parametrize(
    "verb",
    [
        lambda model: normdrop.check(model, (4,)),
        lambda model: normdrop.predict(model, (4,)),
        lambda model: normdrop.fix(model, (4,)),
        lambda model: normdrop.measure(model, [np.zeros((4, 4))]),
        lambda model: normdrop.recalibrate(model, [np.zeros((4, 4))]),
        lambda model: normdrop.doctor(model, [np.zeros((4, 4))]),
    ],
)
@pytest.mark.parametrize("kind", [Model, type("Own", (Model,), {"__module__": "mine"})])
def test_a_model_of_keras_2_is_refused_in_words(
    verb: Callable[[object], object], kind: type[Model]
) -> None:
    """Every verb names Keras 2, for models of the user's own classes too."""
    with pytest.raises(UsageError, match=r"Keras 2 \(tf_keras\)"):
        verb(kind())


def test_what_cannot_be_carried_over_says_why() -> None:
    """A subclassed model has no file of one kind; what is none of Keras 2 stays what it is."""
    with pytest.raises(UsageError, match="old is a model of Keras 2 that cannot be written"):
        carried_over(Model())
    mine = object()
    assert carried_over(mine) is mine


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """No HDF5 file, one without a model, one of layers that Keras 3 does not have."""
    bad = tmp_path / "bad.h5"
    bad.write_bytes(b"nothing")
    with pytest.raises(UsageError, match=r"bad\.h5"):
        load_model(bad, trust=True)
    with h5py.File(bad, "w"):
        pass
    with pytest.raises(UsageError, match=r"bad\.h5"):
        load_model(bad, trust=True)
    with h5py.File(bad, "w") as opened:
        layer = {"class_name": "Dropout", "config": {"rate": 0.5, "foretold": True}}
        config = {"class_name": "Sequential", "config": {"name": "s", "layers": [layer]}}
        opened.attrs["model_config"] = json.dumps(config)
    with pytest.raises(UsageError, match="foretold"):
        load_model(bad, trust=True)
    with pytest.raises(UsageError, match="no such file"):
        load_model(tmp_path / "none.h5", trust=True)


def test_a_trusted_keras_file_may_hold_code(tmp_path: Path) -> None:
    """A Lambda layer is refused, and runs where the file is trusted."""
    path = tmp_path / "code.keras"
    model = keras.Sequential([keras.Input((4,)), layers.Lambda(lambda x: 2 * x)])
    model.save(path)
    with pytest.raises(UsageError, match="--trust"):
        load_model(path)
    loaded = load_model(path, trust=True)
    assert isinstance(loaded, keras.Model)
    np.testing.assert_allclose(loaded.predict(np.ones((2, 4)), verbose=0), 2.0)
