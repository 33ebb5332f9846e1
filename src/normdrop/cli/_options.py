"""Options that several commands share, and paths checked before hours of work depend on them."""

import json
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, TypeVar

import rich_click as click
from rich.console import Console

from normdrop.errors import UsageError
from normdrop.values.text import one_line

CommandT = TypeVar("CommandT", bound=Callable[..., object])

_MOST = 2**40
"""Batches to read, or numbers in one input: beyond any machine's memory."""
_WEIGHTS = (".pt", ".safetensors", ".keras", ".weights.h5")
_TRUST = click.option(
    "--trust",
    is_flag=True,
    help="Read what can run code: a whole-model .h5 file, a SavedModel folder, a .keras file with "
    "code in it, a model of Keras 2.",
)
_MODEL = (
    _TRUST,
    click.option(
        "--with", "settings", multiple=True, metavar="NAME=VALUE", help="An argument of FACTORY."
    ),
    click.option(
        "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True
    ),
)
_RUN = (
    click.option(
        "--limit", type=click.IntRange(1, _MOST), metavar="N", help="Read N batches at most."
    ),
    click.option(
        "--batch-size",
        type=click.IntRange(1, 1_000_000),
        default=128,
        show_default=True,
        metavar="N",
    ),
    click.option(
        "--split", type=click.Choice(["train", "test"]), default="train", show_default=True
    ),
    click.option("--device", metavar="DEVICE", help="cpu, cuda, cuda:1 and so on."),
    *_MODEL,
)


def run_options(command: CommandT) -> CommandT:
    """What to read, where to run it, how the model is made and how the result is printed.

    The command takes `limit`, `batch_size`, `split`, `device`, `trust`, `settings` and `style`.
    """
    return reduce(lambda decorated, option: option(decorated), reversed(_RUN), command)


def model_options(command: CommandT) -> CommandT:
    """How the model is made and how the result is printed: `trust`, `settings` and `style`."""
    return reduce(lambda decorated, option: option(decorated), reversed(_MODEL), command)


def trust_option(command: CommandT) -> CommandT:
    """`--trust`: what can run code is read; its value whether it is given."""
    return _TRUST(command)


class _Result(Protocol):
    """What a verb returns: rich shows its table, and JSON its dictionary."""

    def to_dict(self) -> dict[str, object]: ...


def show(
    result: _Result,
    style: str,
    written: Sequence[Path] = (),
    more: Mapping[str, object] = MappingProxyType({}),
    shown: object = None,
) -> None:
    """Print a result, or what is shown of it, and what was written; or JSON with what more is."""
    if style == "json":
        click.echo(json.dumps({**result.to_dict(), **more}, indent=2))
        return
    Console().print(result if shown is None else shown)
    for path in written:
        click.echo(f"written: {path}")


def weights_option(command: CommandT) -> CommandT:
    """`--weights`: a file of weights for the model; its value a path or None."""
    return click.option(
        "--weights",
        type=click.Path(path_type=Path),
        help=(
            "State dict: a .safetensors file, or one that torch.save wrote; for a Keras model a "
            ".weights.h5 or a .keras file."
        ),
    )(command)


def shape_option(*, help: str) -> Callable[[CommandT], CommandT]:  # noqa: A002 - click's name for it
    """`--input-shape`, without the batch axis; its value a tuple of positive whole numbers."""
    return click.option("--input-shape", callback=_shape, help=help)


def _shape(
    _context: click.Context, _option: click.Parameter, text: str | None
) -> tuple[int, ...] | None:
    """Read `3,32,32`.

    Raises:
        UsageError: A part is no positive whole number.
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UsageError(
            f"--input-shape {text}: write positive numbers without the batch axis, such as 3,32,32"
        )
    shape = tuple(int(part) for part in parts if len(part) < len(str(_MOST)))
    if len(shape) < len(parts) or math.prod(shape) > _MOST:
        raise UsageError(f"--input-shape {one_line(text[:80])}: no input has so many numbers")
    return shape


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
