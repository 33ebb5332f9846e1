"""`--input-shape`: the shape of one input, without the batch axis."""

from collections.abc import Callable
from typing import Any, TypeVar

import rich_click as click

from normdrop.errors import UsageError

_Command = TypeVar("_Command", bound=Callable[..., Any])


def shape_option(*, help: str) -> Callable[[_Command], _Command]:  # noqa: A002 - click's name for it
    """The option, its value a tuple of positive whole numbers."""
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
    return tuple(int(part) for part in parts)
