"""A worker process: reads trials from its standard input, writes what comes of them to its output.

Lines of JSON: in, a list of trials to train together, which is one trial on a CPU; out, numbers
(epochs done so far) and at last an outcome for each.
Started as `python -m normdrop.lab.worker [PAYLOAD]`, PAYLOAD a file of what was handed over as
values, so that a script that calls `normdrop.compare` needs no `if __name__ == "__main__"`.
"""

import ctypes
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

# The options of mallopt, as glibc numbers them.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LARGEST = 1 << 30
_SECONDS_BETWEEN_REPORTS = 0.5  # a small network takes thousands of batches a second


def serve_trials() -> None:
    """Train one trial after another until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    keep_freed_memory()  # every step asks for the blocks that the last one freed
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    # Whatever a library prints must not end up between our lines.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    import torch

    from normdrop.lab.payload import Payload
    from normdrop.lab.stacked import train_stacked
    from normdrop.lab.trial import outcome_line, read_trials

    torch.set_num_threads(1)  # rivals share the processor's cores; threads would fight over them
    payload = Payload.read(Path(sys.argv[1])) if len(sys.argv) > 1 else Payload()
    dataset = lru_cache(maxsize=1)(payload.dataset)  # kept for the next trial, which has the same
    while True:
        trials = read_trials(lines.get())
        report = now_and_then(lambda epochs_done: answers.write(f"{epochs_done}\n"))
        recipe = payload.recipe(trials[0].recipe)
        outcomes = train_stacked(trials, dataset(trials[0].data), report, recipe=recipe)
        answers.writelines(f"{outcome_line(outcome)}\n" for outcome in outcomes)  # as they come


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory for the next allocation instead of returning it.

    By default glibc maps each block of more than 32 MiB afresh and gives free memory at the top of
    the heap back, so a training step that frees and allocates the same activations pays for mapping
    and clearing their pages each time; on virtual machines that can take longer than computing
    them. Blocks of up to 1 GiB are kept from here on, for the rest of the process.

    Returns:
        Whether the allocator took the settings; false on systems without glibc, where nothing
        happens.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(option, _LARGEST) == 1 for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD))


def now_and_then(say: Callable[[float], object]) -> Callable[[float], None]:
    """A report of the epochs done that is passed on twice a second at the most."""
    last = 0.0

    def report(epochs_done: float) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= _SECONDS_BETWEEN_REPORTS:
            say(epochs_done)
            last = now

    return report


def _read(lines: "queue.SimpleQueue[str]") -> None:
    """Pass lines on; when the input ends, the driver is gone or done with us: end at once."""
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


if __name__ == "__main__":
    serve_trials()
