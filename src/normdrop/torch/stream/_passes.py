"""Run one batch and say in a line what went wrong."""

from typing import Any

from torch import nn

from normdrop.errors import CaptureError, NormdropError
from normdrop.shifts.stream import Batch
from normdrop.torch.watch._owners import paths_of, where


def run(model: nn.Module, batch: Batch) -> Any:  # noqa: ANN401 - whatever the model returns
    """Call the model with one batch.

    Raises:
        CaptureError: The model raised; the message names the batch and the module.
    """
    args, kwargs = batch.arguments
    try:
        return model(*args, **kwargs)
    except NormdropError:
        raise
    except Exception as error:
        path = where(error, paths_of(model)) or type(model).__name__
        raise CaptureError(
            f"batch {batch.number + 1}, {path}: {type(error).__name__}: {error}"
        ) from error
