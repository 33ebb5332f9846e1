"""`--weights`: a file of weights for the model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def weights_option(command: _Command) -> _Command:
    """The option, its value a path or None."""
    return click.option(
        "--weights",
        type=click.Path(path_type=Path),
        help=(
            "State dict: a .safetensors file, or one that torch.save wrote; for a Keras model a "
            ".weights.h5 or a .keras file."
        ),
    )(command)
