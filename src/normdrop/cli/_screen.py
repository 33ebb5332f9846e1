"""Lines printed as wide as the terminal, in colour where there is one; whole into a pipe."""

import os
from collections.abc import Callable, Iterable

from rich.console import Console
from rich.text import Text


def print_lines(lines: Callable[[int | None], Iterable[Text]]) -> None:
    """Print what is made for a width.

    Args:
        lines: Called with the columns to wrap at; None where there is no terminal and `COLUMNS` is
            not set, so that other programs get each message on one line.
    """
    console = Console(highlight=False)
    wide = console.is_terminal or "COLUMNS" in os.environ
    for line in lines(console.width if wide else None):
        console.print(line, soft_wrap=True)
