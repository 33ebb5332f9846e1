"""A worker process: reads trials from its standard input, writes what comes of them to its output.

Lines of JSON: in, a list of trials to train together, which is one trial on a CPU; out, numbers
(epochs done so far) and at last an outcome for each.
Started as `python -m normdrop.lab.worker`, so that a script that calls `normdrop.compare` needs no
`if __name__ == "__main__"`.
"""

import os
import queue
import signal
import sys
import threading
import time
from functools import lru_cache
from typing import TYPE_CHECKING, TextIO

from normdrop.lab.memory import keep_freed_memory

if TYPE_CHECKING:
    from normdrop.lab.data import Dataset

_SECONDS_BETWEEN_REPORTS = 0.5


def main() -> None:
    """Train one trial after another until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    keep_freed_memory()  # every step asks for the blocks that the last one freed
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    # Whatever a library prints must not end up between our lines.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    while True:
        _answer(lines.get(), answers)


def _read(lines: "queue.SimpleQueue[str]") -> None:
    """Pass lines on; when the input ends, the driver is gone or done with us: end at once."""
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


def _answer(line: str, answers: TextIO) -> None:
    import torch

    from normdrop.lab.stacked import train_stacked
    from normdrop.lab.wire import outcome_line, read_trials

    trials = read_trials(line)
    torch.set_num_threads(1)  # rivals share the processor's cores; threads would fight over them
    last = 0.0

    def report(epochs_done: float) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= _SECONDS_BETWEEN_REPORTS:
            answers.write(f"{epochs_done}\n")
            last = now

    outcomes = train_stacked(trials, _dataset(trials[0].data), report)
    answers.writelines(outcome_line(outcome) + "\n" for outcome in outcomes)


@lru_cache(maxsize=1)
def _dataset(name: str) -> "Dataset | None":
    from normdrop.lab.data import load
    from normdrop.lab.trial import NO_DATA

    return None if name == NO_DATA else load(name)


if __name__ == "__main__":
    main()
