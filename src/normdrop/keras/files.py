"""Keras models and weights from files and into them; nothing in a file is run unasked."""

import tempfile
from pathlib import Path

import keras

from normdrop.errors import UsageError
from normdrop.keras._archive import OLDEST_WRITER, check_archive
from normdrop.keras._keras_2 import carried_over, load_by_keras_2, load_h5
from normdrop.keras._version import numbers
from normdrop.values.files import write_atomically

SUFFIXES = (".keras", ".weights.h5")
"""How files of weights end."""


def load_trusted(source: object) -> keras.Model:
    """A model from what can run code: a file, a SavedModel folder, or a model of `tf_keras`.

    Raises:
        UsageError: It cannot be read; the message says why.
    """
    if not isinstance(source, Path):
        return carried_over(source)
    if not source.exists():
        raise UsageError(f"{source}: no such file")
    if source.is_dir():
        return load_by_keras_2(source)
    if source.suffix == ".keras":
        return load_model(source, trust=True)
    return load_h5(source, str(source))


def load_model(path: Path, *, trust: bool = False) -> keras.Model:
    """The model of a `.keras` file, in Keras' safe mode and not compiled.

    Only files that name nothing but classes of Keras and of `normdrop.keras` are handed to Keras.

    Args:
        path: The file.
        trust: Hand it to Keras whatever it names, and let what it holds run.

    Raises:
        UsageError: The file is no such file, or Keras cannot load it; the message says why.
    """
    written = check_archive(path, trust=trust)
    if written and numbers(written) < OLDEST_WRITER:
        return load_by_keras_2(path)
    if written and numbers(written)[0] > numbers(keras.__version__)[0]:
        raise UsageError(
            f"{path} was written by Keras {written}, and {keras.__version__} is installed: upgrade "
            "Keras"
        )
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=not trust)
    except Exception as error:  # a damaged or foreign file makes it raise nearly anything
        hint = ""
        if written and numbers(written) > numbers(keras.__version__):
            hint = f"; it was written by Keras {written}: upgrade Keras"
        raise UsageError(
            f"{path}: Keras {keras.__version__} cannot load it ({_short(error)}){hint}"
        ) from error
    if not isinstance(model, keras.Model):
        raise UsageError(f"{path} holds a {type(model).__name__}, not a model")
    return model


def load_weights(model: keras.Model, path: Path) -> None:
    """Load the weights of a `.weights.h5` file, or those in a `.keras` file, into a model.

    Of a `.keras` file the weights alone are read, and none of the classes that it names.

    Raises:
        UsageError: The file is missing, unreadable or another model's; the model is as it was.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    if not path.name.endswith(SUFFIXES):
        raise UsageError(f"{path}: weights of a Keras model are a .weights.h5 or a .keras file")
    before = model.get_weights()
    try:
        model.load_weights(path)
    except Exception as error:  # as in `load_model`
        model.set_weights(before)
        raise UsageError(f"{path} does not fit the model: {_short(error)}") from error


def save(model: keras.Model, path: Path) -> Path:
    """Write a model to a `.keras` file, or its weights to a `.weights.h5` file.

    The file is written whole or not at all.

    Returns:
        The path of the file itself, links resolved.

    Raises:
        NormdropError: The file cannot be written.
        UsageError: The file name ends in neither, or Keras cannot save the model.
    """
    if not path.name.endswith(SUFFIXES):
        raise UsageError(f"{path}: name the file .keras or .weights.h5")
    with tempfile.TemporaryDirectory() as folder:
        whole = path.name.endswith(".keras")
        file = Path(folder) / ("model.keras" if whole else "model.weights.h5")
        try:
            model.save(file) if whole else model.save_weights(file)
        except Exception as error:  # layers save themselves, and may raise anything
            raise UsageError(f"{path}: Keras cannot save the model ({_short(error)})") from error
        return write_atomically(path, file.read_bytes())


def _short(error: Exception) -> str:
    """The first sentence of what Keras says."""
    words = " ".join(str(error).split()) or type(error).__name__
    return words.split(". ")[0][:240].rstrip(".")
