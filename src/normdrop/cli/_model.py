"""The model of a command line: made or loaded, given its weights, put on its device."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from normdrop.cli._factory import is_model_file, make
from normdrop.errors import UsageError
from normdrop.verbs import carried_over, declared_example, is_keras, load_model, load_weights


def make_model(
    factory: str,
    settings: Sequence[str],
    weights: Path | None = None,
    device: str | None = None,
    *,
    trust: bool = False,
) -> Any:  # noqa: ANN401 - whatever FACTORY gives; the verbs refuse what is no model
    """Call FACTORY, or load the file it is; load weights and move the model.

    Where `trust` is set, formats that can run code are read, and models of Keras 2 carried over.

    Raises:
        UsageError: FACTORY, a file or the device is not usable; the message says which and why.
    """
    if is_model_file(factory):
        if settings:
            raise UsageError(f"--with is for callables, and {factory} is a file")
        model = load_model(Path(factory), trust=trust)
    else:
        model = make(factory, settings)
        if trust:
            model = carried_over(model)
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
