"""A progress bar on standard error, in a terminal alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def batches_bar(title: str) -> Iterator[Callable[[int, int | None], None]]:
    """What to call with the batches done and how many there are; the bar vanishes at the end."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(title, total=None)

        def advanced(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=total)

        yield advanced
