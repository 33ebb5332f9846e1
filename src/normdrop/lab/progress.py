"""How a run goes: bars in a terminal, a line now and then elsewhere, on standard error."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from normdrop.lab.run import Watcher
from normdrop.lab.trial import Outcome, Trial

_SECONDS_BETWEEN_LINES = 15.0  # lines stay in a log; a bar is drawn over
_SECONDS_OF_SPEED = 600.0  # orders differ in cost: the estimate averages over several trials


@contextmanager
def watcher(trials: Sequence[Trial], *, shown: bool = True) -> Iterator[Watcher]:
    """Who shows how these trials go: bars in a terminal, lines elsewhere, or nobody."""
    console = Console(stderr=True, quiet=not shown)
    if shown and trials and console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"))
        remaining = TimeRemainingColumn(elapsed_when_finished=True)
        period = _SECONDS_OF_SPEED
        with Progress(
            *columns, remaining, console=console, transient=True, speed_estimate_period=period
        ) as progress:
            yield _Bars(progress, trials)
    else:
        yield _Lines(console, trials)


class _Bars:
    """A bar for all trials, with the time left, and one for each trial at work."""

    def __init__(self, progress: Progress, trials: Sequence[Trial]) -> None:
        self._progress = progress
        self._work = _Work(trials)
        self._bars: dict[str, TaskID] = {}
        self._all = progress.add_task("trials", total=self._work.epochs, done=str(self._work))

    def advanced(self, trial: Trial, epochs: float) -> None:
        total = _epochs(trial)
        if trial.key not in self._bars:
            name = f"{trial.variant}, seed {trial.seed}"
            self._bars[trial.key] = self._progress.add_task(name, total=total, done="")
        done = f"epoch {min(int(epochs) + 1, total)}/{total}"
        self._progress.update(self._bars[trial.key], completed=epochs, done=done)
        self._progress.update(self._all, completed=self._work.advanced(trial, epochs))

    def ended(self, outcome: Outcome) -> None:
        if (bar := self._bars.pop(outcome.trial.key, None)) is not None:
            self._progress.remove_task(bar)
        completed = self._work.ended(outcome.trial)
        self._progress.update(self._all, completed=completed, done=str(self._work))


class _Lines:
    """A line when a trial ends, unless the last one was a moment ago."""

    def __init__(self, console: Console, trials: Sequence[Trial]) -> None:
        self._console = console
        self._work = _Work(trials)
        self._start = self._last = time.monotonic()

    def advanced(self, trial: Trial, epochs: float) -> None:
        self._work.advanced(trial, epochs)

    def ended(self, outcome: Outcome) -> None:
        done = self._work.ended(outcome.trial)
        now = time.monotonic()
        if now - self._last < _SECONDS_BETWEEN_LINES and not self._work.all_ended:
            return
        self._last = now
        left = timedelta(seconds=round((now - self._start) * (self._work.epochs / done - 1)))
        self._console.print(f"{self._work}, {_result(outcome)}, {left} left", soft_wrap=True)


class _Work:
    """How many trials have ended, and how many epochs are behind all of them."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self.epochs = sum(map(_epochs, trials))
        self._trials = len(trials)
        self._ended = 0
        self._epochs_ended = 0
        self._at_work: dict[str, float] = {}

    def advanced(self, trial: Trial, epochs: float) -> float:
        """The epochs done by all trials, now that this one has done so many."""
        self._at_work[trial.key] = epochs
        return self._epochs_ended + sum(self._at_work.values())

    def ended(self, trial: Trial) -> float:
        """The epochs done by all trials, now that this one needs no more."""
        self._at_work.pop(trial.key, None)
        self._ended += 1
        self._epochs_ended += _epochs(trial)
        return self._epochs_ended + sum(self._at_work.values())

    @property
    def all_ended(self) -> bool:
        return self._ended == self._trials

    def __str__(self) -> str:
        return f"{self._ended} of {self._trials} trials"


def _epochs(trial: Trial) -> int:
    return int(trial.settings.get("epochs") or 1)


def _result(outcome: Outcome) -> str:
    name = f"{outcome.trial.variant} seed {outcome.trial.seed}"
    if outcome.status != "finished":
        return f"{name}: {outcome.status} ({outcome.message})"
    loss = outcome.values.get("test_loss")
    return f"{name}: {'done' if loss is None else f'test loss {loss:.4f}'}"
