"""Progress bars on standard error, in a terminal alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def batches_bar(title: str) -> Iterator[Callable[[int, int | None], None]]:
    """What to call with the batches done and how many there are; the bar vanishes at the end."""
    with steps_bar(title) as advanced:
        yield lambda done, total: advanced(title, done, total)


@contextmanager
def steps_bar(title: str) -> Iterator[Callable[[str, int, int | None], None]]:
    """The same for work of several steps: what to call also takes the step's name."""
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

        def advanced(step: str, done: int, total: int | None) -> None:
            progress.update(task, description=step, completed=done, total=total)

        yield advanced
