"""What the callback that watches the shift adds to Keras' `fit`, against a bare `fit`.

    python benchmarks/monitor_keras.py        # prints, and writes monitor_keras.txt

Two equal models take turns, 100 steps of `fit` each; the process' CPU time is compared. The
callback looks at a batch like those trained on, after every 100th step. The table has the median of
the ratios and their quartiles; beside it stands the callback's own account, `ShiftMonitor.share`.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import torch
from keras import layers

from normdrop.keras import ShiftMonitor

_STEPS = 100
_GOAL = 0.03


@dataclass(frozen=True)
class Case:
    """A network, and what it is trained on."""

    name: str
    build: Callable[[], keras.Model]
    shape: tuple[int, ...]
    batch: int
    repeats: int


def perceptron() -> keras.Model:
    """A network so small that calls cost more than arithmetic."""
    model = keras.Sequential([keras.Input((32,))])
    for _ in range(3):
        for layer in (layers.Dense(64), layers.Dropout(0.5), layers.BatchNormalization()):
            model.add(layer)
        model.add(layers.Activation("relu"))
    model.add(layers.Dense(10))
    return model


def convolutions() -> keras.Model:
    """Four 3×3 convolutions with dropout before each norm layer."""
    model = keras.Sequential([keras.Input((16, 16, 3))])
    for _ in range(4):
        model.add(layers.Conv2D(32, 3, padding="same"))
        for layer in (layers.Dropout(0.3), layers.BatchNormalization()):
            model.add(layer)
        model.add(layers.Activation("relu"))
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(10))
    return model


CASES = (
    Case("perceptron", perceptron, (32,), 64, 5),
    Case("convolutions", convolutions, (16, 16, 3), 32, 3),
)


def run(case: Case) -> str:
    """One line of the table."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(_STEPS * case.batch, *case.shape)).astype("float32")
    targets = generator.integers(0, 10, len(inputs))
    models = []
    for _ in range(2):
        model = case.build()
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        models.append(model)
    plain, watched = models

    def seconds(model: keras.Model, *callbacks: keras.callbacks.Callback) -> float:
        start = time.process_time()
        model.fit(inputs, targets, case.batch, verbose=0, callbacks=list(callbacks))
        return time.process_time() - start

    ratios, shares = [], []
    for repeat in range(case.repeats + 1):
        monitor = ShiftMonitor(inputs[: case.batch], _STEPS, warn=False)
        without, together = seconds(plain), seconds(watched, monitor)
        if repeat:  # the first is for warming up
            ratios.append(together / without - 1)
            shares.append(monitor.share)
    low, median, high = np.quantile(ratios, (0.25, 0.5, 0.75))
    share = float(np.median(shares))
    verdict = "" if share < _GOAL else "   above the goal"
    return (
        f"{case.name:12} {case.batch:5} {_STEPS:6} {median:+9.2%} ({low:+.2%} to {high:+.2%})"
        f" {share:8.2%}{verdict}"
    )


def main() -> None:
    """Print the table and keep it."""
    torch.set_num_threads(1)
    versions = f"Keras {keras.__version__} on torch {torch.__version__}, 1 thread"
    lines = [
        f"{versions}; goal: under {_GOAL:.0%} of the training time",
        "network      batch  every   process CPU time (quartiles)      own account",
    ]
    print("\n".join(lines), flush=True)
    for case in CASES:
        lines.append(run(case))
        print(lines[-1], flush=True)
    text = "\n".join(lines) + "\n"
    (Path(__file__).parent / "monitor_keras.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
