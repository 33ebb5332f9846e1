"""The model of a command line: made, given its weights, put on its device."""

from collections.abc import Sequence
from pathlib import Path

from normdrop.cli._factory import make
from normdrop.errors import UsageError
from normdrop.verbs import load_weights


def make_model(
    factory: str, settings: Sequence[str], weights: Path | None, device: str | None = None
) -> object:
    """Call FACTORY, load a state dict and move the model.

    Raises:
        UsageError: FACTORY, the file or the device is not usable; the message says which and why.
    """
    model = make(factory, settings)
    if weights is not None:
        load_weights(model, weights)
    return model if device is None else _moved(model, device)


def _moved(model: object, device: str) -> object:
    from torch import nn

    if not isinstance(model, nn.Module):
        return model  # the verb says what it takes
    try:
        return model.to(device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(f"--device {device}: {error}") from error
