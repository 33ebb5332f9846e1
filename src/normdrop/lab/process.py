"""The driver's side of a worker process."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TypeAlias

from normdrop.lab.trial import Trial, trials_line

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
