"""Paths given on the command line, checked before hours of work depend on them."""

import tempfile
from pathlib import Path

import rich_click as click

from normdrop.errors import UsageError

_WEIGHTS = (".pt", ".safetensors", ".keras", ".weights.h5")


def model_to_write(
    context: click.Context, option: click.Parameter, path: Path | None
) -> Path | None:
    """A file that can be written, named as a model's weights are.

    Raises:
        UsageError: As for `file_to_write`; or the name ends in nothing that is written.
    """
    if path is not None and not path.is_dir() and not path.name.endswith(_WEIGHTS):
        raise UsageError(
            f"--{option.name} {path}: name the file .pt or .safetensors; for a Keras model .keras, "
            "or .weights.h5 for its weights alone"
        )
    return file_to_write(context, option, path)


def file_to_write(
    _context: click.Context, option: click.Parameter, path: Path | None
) -> Path | None:
    """A file that can be written; its folder is made if missing.

    Raises:
        UsageError: When the path is a folder, or its folder cannot be made or written to.
    """
    if path is None:
        return None
    if path.is_dir():
        raise UsageError(f"--{option.name} {path}: is a folder; name a file in it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"--{option.name} {path}: cannot be written ({reason})") from error
    return path
