"""How a run goes: bars in a terminal, a line now and then elsewhere, on standard error."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from normdrop.lab.run import Watcher
from normdrop.lab.trial import Outcome, Trial

_SECONDS_BETWEEN_LINES = 15.0
_SECONDS_OF_SPEED = 600.0  # orders differ in cost: the estimate averages over several trials


class Silence:
    """Shows nothing."""

    def advanced(self, trial: Trial, epochs: float) -> None:
        """Nothing to show."""

    def ended(self, outcome: Outcome) -> None:
        """Nothing to show."""


class Bars:
    """One bar for all trials with the time left, and one for the epochs of each trial at work."""

    def __init__(self, progress: Progress, trials: Sequence[Trial]) -> None:
        self._progress = progress
        self._count = len(trials)
        self._work = Work(trials)
        self._ended = 0
        self._all = progress.add_task("", total=self._work.total)
        self._bars: dict[str, TaskID] = {}
        self._describe()

    def advanced(self, trial: Trial, epochs: float) -> None:
        """Move the trial's bar and the one of all."""
        if trial.key not in self._bars:
            self._bars[trial.key] = self._progress.add_task(
                f"{trial.variant} · seed {trial.seed}", total=float(trial.settings["epochs"] or 0)
            )
        self._progress.update(self._bars[trial.key], completed=epochs)
        self._progress.update(self._all, completed=self._work.advanced(trial, epochs))

    def ended(self, outcome: Outcome) -> None:
        """Take the trial's bar away."""
        if (bar := self._bars.pop(outcome.trial.key, None)) is not None:
            self._progress.remove_task(bar)
        self._ended += 1
        self._progress.update(self._all, completed=self._work.ended(outcome.trial))
        self._describe()

    def _describe(self) -> None:
        self._progress.update(self._all, description=f"{self._ended} of {self._count} trials")
