"""Models and weights from files and into them."""

from pathlib import Path

from normdrop.errors import UsageError
from normdrop.verbs._framework import is_keras_2, opened


def load_model(path: Path, *, trust: bool = False) -> object:
    """The model of a `.keras` file; nothing in the file is executed unless it is trusted.

    Args:
        path: The file; where it is trusted also a whole-model `.h5` file or a SavedModel folder.
        trust: Whether what the file holds may run.

    Raises:
        UsageError: The file is missing, damaged, or, where it is not trusted, no `.keras` file or
            one that names what is neither Keras' nor normdrop's; or Keras is missing.
    """
    if trust:
        from normdrop.keras.files import load_trusted

        return load_trusted(path)
    if path.suffix != ".keras":
        raise UsageError(
            f"{path}: Keras runs what a model in this format holds, even in safe mode: where you "
            "trust it, pass --trust, or load it and save it again with model.save('model.keras')"
        )
    from normdrop.keras.files import load_model as load

    return load(path)


def carried_over(model: object) -> object:
    """A model of Keras 2 as one of Keras 3; code that it holds can run. Any other stays.

    Raises:
        UsageError: It cannot be carried over; the message says why.
    """
    if not is_keras_2(model):
        return model
    from normdrop.keras.files import load_trusted

    return load_trusted(model)


def load_weights(model: object, path: Path) -> None:
    """Load weights from a file; nothing in the file is executed.

    Args:
        model: A torch module, which takes a state dict, or a Keras model, which takes a
            `.weights.h5` or a `.keras` file.
        path: The file.

    Raises:
        UsageError: No model, or a file that is missing, unreadable or another model's.
    """
    opened(model, "a state dict").load_weights(path)


def save_weights(model: object, path: Path) -> Path:
    """Write a model to a file, whole or not at all.

    A torch module's state dict goes to a `.pt` or `.safetensors` file; a Keras model to a `.keras`
    file, or its weights alone to a `.weights.h5` file.

    Returns:
        The path of the file itself, links resolved.

    Raises:
        NormdropError: The file cannot be written.
        UsageError: No model, or a file name that ends in none of these.
    """
    check_name(model, path)
    return opened(model, "a state dict").save(path)


def check_name(model: object, path: Path) -> None:
    """Refuse a file name that does not say how a model is to be written.

    Raises:
        UsageError: It ends in nothing that the model's framework writes.
    """
    suffixes = opened(model, "a state dict").suffixes
    if not path.name.endswith(suffixes):
        raise UsageError(f"{path}: name the file {suffixes[0]} or {suffixes[1]}")
