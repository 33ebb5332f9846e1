"""The model of a command line: made or loaded, given its weights, put on its device."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from normdrop.cli._factory import MODEL_FILES, make
from normdrop.errors import UsageError
from normdrop.verbs import declared_example, is_keras, load_model, load_weights


def make_model(
    factory: str, settings: Sequence[str], weights: Path | None = None, device: str | None = None
) -> Any:  # noqa: ANN401 - whatever FACTORY gives; the verbs refuse what is no model
    """Call FACTORY, or load the `.keras` file it is; load weights and move the model.

    Raises:
        UsageError: FACTORY, a file or the device is not usable; the message says which and why.
    """
    if factory.endswith(MODEL_FILES):
        if settings:
            raise UsageError(f"--with is for callables, and {factory} is a file")
        model = load_model(Path(factory))
    else:
        model = make(factory, settings)
    if weights is not None:
        load_weights(model, weights)
    return model if device is None else _moved(model, device)


def example_for(model: object, shape: tuple[int, ...] | None, factory: str) -> object:
    """The shape given, or what the model's own inputs say.

    Raises:
        UsageError: There is neither.
    """
    example = declared_example(model) if shape is None else shape
    if example is None:
        such = "32,32,3" if is_keras(model) else "3,32,32"
        raise UsageError(f"{factory} needs an input: add --input-shape, such as {such}")
    return example


def _moved(model: object, device: str) -> object:
    if is_keras(model):
        raise UsageError("--device is for torch models: Keras puts a model where its backend does")
    from torch import nn

    if not isinstance(model, nn.Module):
        return model  # the verb says what it takes
    try:
        return model.to(device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(f"--device {device}: {error}") from error
