"""The options of every command that runs a model on batches."""

from collections.abc import Callable
from functools import reduce
from typing import Any, TypeVar

import rich_click as click

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--limit", type=click.IntRange(min=1), metavar="N", help="Read N batches at most."
    ),
    click.option(
        "--batch-size", type=click.IntRange(min=1), default=128, show_default=True, metavar="N"
    ),
    click.option(
        "--split", type=click.Choice(["train", "test"]), default="train", show_default=True
    ),
    click.option("--device", metavar="DEVICE", help="cpu, cuda, cuda:1 and so on."),
    click.option(
        "--with", "settings", multiple=True, metavar="NAME=VALUE", help="An argument of FACTORY."
    ),
    click.option(
        "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True
    ),
)


def run_options(command: CommandT) -> CommandT:
    """What to read, where to run it, how the model is made and how the result is printed.

    The command takes `limit`, `batch_size`, `split`, `device`, `settings` and `style`.
    """
    return reduce(lambda decorated, option: option(decorated), reversed(_OPTIONS), command)
