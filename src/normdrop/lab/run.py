"""Run trials in worker processes that may die, and yield what comes of them."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Protocol, TypeAlias

from normdrop.lab.trial import Outcome, Trial, read_outcome, same_but_seed, trials_line

Events: TypeAlias = SimpleQueue[tuple["WorkerProcess", str]]

# One process per core and one thread each: no thread waits for another.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class WorkerProcess:
    """A process that trains the trials it is sent, and a thread that passes on what it says.

    Args:
        events: Where its lines go, as `(this, line)`; an empty line says that it has died.
        payload: A file of what was handed over as values, if anything was.
    """

    def __init__(self, events: Events, payload: Path | None = None) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        command = [sys.executable, "-P", "-m", "normdrop.lab.worker"]
        self._process = subprocess.Popen(  # noqa: S603 - our own worker
            # -P: a file in the current folder must not stand in for a module
            [*command, *([] if payload is None else [payload])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, **_ENVIRONMENT},
        )
        self._listener = threading.Thread(target=self._listen, args=(events,), daemon=True)
        self._listener.start()

    def send(self, trials: Sequence[Trial]) -> None:
        """Hand it trials to train together. If it has died meanwhile, the listener says so."""
        with contextlib.suppress(BrokenPipeError):
            self._input.write(trials_line(trials) + "\n")
            self._input.flush()

    def stop(self) -> str:
        """End it now, if it has not ended, and say how it ended."""
        self._process.kill()
        status = self._process.wait()
        self._listener.join()
        with contextlib.suppress(BrokenPipeError):
            self._input.close()
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip().rpartition("\n")[2]
        self._errors.close()
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return f"{how}: {last}" if last else how

    @property
    def _input(self) -> IO[str]:
        assert self._process.stdin is not None  # noqa: S101 - it was asked for above
        return self._process.stdin

    def _listen(self, events: Events) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for above
        with self._process.stdout as output:
            for line in output:
                if line.endswith("\n"):  # a process killed while it writes leaves half a line
                    events.put((self, line))
        events.put((self, ""))


_ATTEMPTS = 3  # a process may die of the memory that its neighbours take; not every time


class Watcher(Protocol):
    """Who wants to know how the trials go."""

    def advanced(self, trial: Trial, epochs: float) -> None:
        """A trial has so many epochs behind it, fractions included."""

    def ended(self, outcome: Outcome) -> None:
        """A trial has ended."""


def run(
    trials: Iterable[Trial],
    *,
    jobs: int,
    watcher: Watcher,
    payload: Path | None = None,
    seeds_at_once: bool = False,
) -> Generator[Outcome, None, None]:
    """Train the trials, `jobs` at a time, each in its own process; yield outcomes as they come.

    With `seeds_at_once` a process trains all seeds of a variant, which count as one. A trial whose
    process dies (killed, out of memory) is started again, three times in all; then it has failed.
    The processes end when the iterator is closed, and when their driver dies, however it dies.
    `payload` is a file of the recipes and data sets that were handed over as values, if any were.
    """
    groups = same_but_seed(trials) if seeds_at_once else [[trial] for trial in trials]
    pool = _WorkerPool(groups, jobs, watcher, payload)
    try:
        for outcome in pool.outcomes():
            watcher.ended(outcome)
            yield outcome
    finally:
        pool.stop()


class _WorkerPool:
    """Processes at work, and the trials that wait for one."""

    def __init__(
        self, waiting: Iterable[list[Trial]], jobs: int, watcher: Watcher, payload: Path | None
    ) -> None:
        self._waiting = deque(waiting)
        self._jobs = jobs
        self._watcher = watcher
        self._payload = payload
        self._deaths: Counter[str] = Counter()
        self._events: Events = queue.SimpleQueue()
        self._busy: dict[WorkerProcess, list[Trial]] = {}

    def outcomes(self) -> Iterator[Outcome]:
        while self._waiting or self._busy:
            while self._waiting and len(self._busy) < self._jobs:
                self._hand_over(WorkerProcess(self._events, self._payload))
            worker, line = self._events.get()
            if worker not in self._busy:
                continue  # the last words of one that was stopped
            if line.startswith("{"):
                yield self._ended(worker, read_outcome(line))
            elif line:
                for trial in self._busy[worker]:
                    self._watcher.advanced(trial, float(line))
            else:
                yield from self._died(worker)

    def stop(self) -> None:
        for worker in self._busy:
            worker.stop()

    def _hand_over(self, worker: WorkerProcess) -> None:
        self._busy[worker] = self._waiting.popleft()
        worker.send(self._busy[worker])

    def _ended(self, worker: WorkerProcess, outcome: Outcome) -> Outcome:
        key = outcome.trial.key
        self._busy[worker] = [trial for trial in self._busy[worker] if trial.key != key]
        if not self._busy[worker] and self._waiting:
            self._hand_over(worker)
        elif not self._busy[worker]:
            del self._busy[worker]
            worker.stop()
        return outcome

    def _died(self, worker: WorkerProcess) -> list[Outcome]:
        trials = self._busy.pop(worker)
        how = worker.stop()
        self._deaths[trials[0].key] += 1
        if self._deaths[trials[0].key] < _ATTEMPTS:
            self._waiting.appendleft(trials)
            return []
        if len(trials) > 1:  # one of them may be to blame, or their number
            self._waiting.extendleft([trial] for trial in reversed(trials))
            del self._deaths[trials[0].key]
            return []
        message = f"its process died {_ATTEMPTS} times, at last with {how}"
        return [Outcome(trial, "failed", (), 0.0, message) for trial in trials]
