"""How a peer talks to `throughput.py`, in any environment: only NumPy and the standard library.

A peer is a program that reads one request per line of standard input and writes one answer per
line of standard output, both JSON. A request names an order, a seed, the number of epochs and of
training images; the answer holds what each epoch took and left behind.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

THREADS = int(os.environ["CONTESTANT_THREADS"])
RATES = (0.2, 0.3)
MAPS = (32, 64)
BATCH = 128


@dataclass(frozen=True)
class Request:
    """One trial: train the network of an order from a seed."""

    order: str
    seed: int
    epochs: int
    images: int


@dataclass(frozen=True)
class Epoch:
    """Seconds of one epoch, its evaluation included, and the test loss and accuracy after it."""

    seconds: float
    test_loss: float
    test_accuracy: float


class Stopwatch:
    """Seconds since it was last read."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def lap(self) -> float:
        """Seconds since the last lap."""
        now = time.perf_counter()
        seconds, self._start = now - self._start, now
        return seconds


Train = Callable[[Request, dict[str, np.ndarray]], Iterator[Epoch]]


def serve(train: Train) -> None:
    """Answer requests until the input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # a library's own output must not end up between answers
    data = dict(np.load(Path(os.environ["CONTESTANT_DATA"])))
    for line in sys.stdin:
        request = Request(**json.loads(line))
        epochs = [asdict(epoch) for epoch in train(request, data)]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        answers.write(json.dumps({"epochs": epochs, "peak_mib": peak}) + "\n")
