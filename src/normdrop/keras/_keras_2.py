"""Models of Keras 2, carried over to Keras 3 by way of the one file format that both know."""

import inspect
import json
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import keras

from normdrop.errors import UsageError
from normdrop.keras._errors import error_line

_SHORT = 240


def carried_over(model: Any) -> keras.Model:  # noqa: ANN401 - of tf_keras, which may be missing
    """A model of `tf_keras` as one of Keras 3, with the same layers, names and weights.

    Code that the model holds, such as that of a Lambda layer, is carried over and can run.

    Raises:
        UsageError: It has no graph of layers, or layers that Keras 3 does not have.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the age of a format, to nobody's use
        file = Path(folder) / "model.h5"
        try:
            model.save(file, save_format="h5")
        except Exception as error:  # layers save themselves, and may raise anything
            raise UsageError(
                f"{model.name} is a model of Keras 2 that cannot be written to a file "
                f"({error_line(error)[:_SHORT]}): make it with Keras 3"
            ) from error
        return load_h5(file, str(model.name))


def load_h5(file: Path, name: str) -> keras.Model:
    """The whole model of an `.h5` file, as Keras 2 and 3 write it; code in it can run.

    Args:
        file: The file.
        name: What to call it in an error.

    Raises:
        UsageError: It holds no whole model, or what Keras 3 does not know.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        copy = Path(folder) / "model.h5"
        try:
            shutil.copyfile(file, copy)
            _without_old_arguments(copy)
            found = keras.saving.load_model(copy, compile=False, safe_mode=False)
        except Exception as error:  # a damaged or foreign file makes it raise nearly anything
            raise UsageError(
                f"{name}: Keras {keras.__version__} cannot load it "
                f"({error_line(error)[:_SHORT]}): make the model with Keras 3"
            ) from error
    if not isinstance(found, keras.Model):
        raise UsageError(f"{name} holds a {type(found).__name__}, not a model")
    return _of_one_input(found)


def _of_one_input(model: keras.Model) -> keras.Model:
    """A graph that takes its one input as it is; Keras reads old graphs as taking a list of one."""
    if isinstance(model, keras.Sequential) or not isinstance(getattr(model, "input", None), list):
        return model
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        return model
    return keras.Model(model.inputs[0], model.outputs[0], name=model.name)


def _without_old_arguments(file: Path) -> None:
    """Take arguments out of a file that say nothing and that layers of Keras 3 do not have."""
    import h5py

    with h5py.File(file, "r+") as opened:
        written = opened.attrs.get("model_config")
        if written is not None:
            opened.attrs["model_config"] = json.dumps(_cleaned(json.loads(written)))


def _cleaned(part: Any) -> Any:  # noqa: ANN401 - JSON
    """A configuration without arguments that are not given and that its class does not take."""
    if isinstance(part, list):
        return [_cleaned(each) for each in part]
    if not isinstance(part, dict):
        return part
    part = {key: _cleaned(value) for key, value in part.items()}
    kind = getattr(keras.layers, str(part.get("class_name")), None)
    config = part.get("config")
    if isinstance(kind, type) and issubclass(kind, keras.layers.Layer) and isinstance(config, dict):
        taken = _arguments(kind)  # only layers without weights do not take `trainable`
        part["config"] = {
            key: value
            for key, value in config.items()
            if key in taken or not (value is None or value is False or key == "trainable")
        }
    return part


def _arguments(kind: type) -> set[str]:
    """The names of all arguments that a class takes, or hands on to its bases."""
    found = {"batch_input_shape", "batch_shape", "input_shape"}
    for base in kind.__mro__:
        made = vars(base).get("__init__")
        if made is None:
            continue
        parameters = inspect.signature(made).parameters.values()
        found.update(each.name for each in parameters)
        if all(each.kind is not each.VAR_KEYWORD for each in parameters):
            break
    return found


def load_by_keras_2(path: Path) -> keras.Model:
    """The model of a SavedModel folder or a `.keras` file of Keras 2; code in it can run.

    Raises:
        UsageError: `tf_keras` is missing, or there are computations but no layers of Keras.
    """
    try:
        import tf_keras
    except ImportError as error:
        raise UsageError(
            f"{path}: it takes tf_keras to read this: pip install tf_keras tensorflow-cpu"
        ) from error
    try:
        found = tf_keras.models.load_model(path, compile=False, safe_mode=False)
    except Exception as error:  # as above
        raise UsageError(
            f"{path}: tf_keras cannot load it ({error_line(error)[:_SHORT]})"
        ) from error
    if not isinstance(found, tf_keras.Model) or not found.layers:
        raise UsageError(
            f"{path} holds computations and no layers of Keras, as model.export writes it: pass "
            "a FACTORY, such as net.py:make"
        )
    return carried_over(found)
