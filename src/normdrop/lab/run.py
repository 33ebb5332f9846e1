"""Run trials in worker processes that may die, and yield what comes of them."""

import queue
from collections import Counter, deque
from collections.abc import Generator, Iterable
from typing import Protocol

from normdrop.lab.process import Events, WorkerProcess
from normdrop.lab.trial import Outcome, Trial
from normdrop.lab.wire import read_outcome

_ATTEMPTS = 3


class Watcher(Protocol):
    """Who wants to know how the trials go."""

    def advanced(self, trial: Trial, epochs: float) -> None:
        """A trial has so many epochs behind it, fractions included."""

    def ended(self, outcome: Outcome) -> None:
        """A trial has ended."""


def run(trials: Iterable[Trial], *, jobs: int, watcher: Watcher) -> Generator[Outcome, None, None]:
    """Train the trials, `jobs` at a time, each in its own process; yield outcomes as they come.

    A trial whose process dies (killed, out of memory) is started again, three times in all; then
    it has failed. The processes end when the iterator is closed, and when their driver dies,
    however it dies.
    """
    waiting = deque(trials)
    deaths: Counter[str] = Counter()
    events: Events = queue.SimpleQueue()
    busy: dict[WorkerProcess, Trial] = {}
    try:
        while waiting or busy:
            while waiting and len(busy) < jobs:
                _hand_over(waiting.popleft(), WorkerProcess(events), busy)
            worker, line = events.get()
            if worker not in busy:
                continue  # the last words of one that was stopped
            trial = busy[worker]
            if line.startswith("{"):
                outcome = read_outcome(line)
                if waiting:
                    _hand_over(waiting.popleft(), worker, busy)
                else:
                    del busy[worker]
                    worker.stop()
            elif line:
                watcher.advanced(trial, float(line))
                continue
            else:
                del busy[worker]
                how = worker.stop()
                deaths[trial.key] += 1
                if deaths[trial.key] < _ATTEMPTS:
                    waiting.appendleft(trial)
                    continue
                message = f"its process died {_ATTEMPTS} times, at last with {how}"
                outcome = Outcome(trial, "failed", (), 0.0, message)
            watcher.ended(outcome)
            yield outcome
    finally:
        for worker in busy:
            worker.stop()


def _hand_over(trial: Trial, worker: WorkerProcess, busy: dict[WorkerProcess, Trial]) -> None:
    busy[worker] = trial
    worker.send(trial)
