"""All seeds of a variant at once against one after the other, on the same device.

    python benchmarks/stacked.py                              # on a GPU, whole epochs of MNIST
    python benchmarks/stacked.py --device cpu --images 1024   # that it runs

Both train the same trials of the ten orders with `normdrop.lab`; times hold training and the
measurement after each epoch, without loading data and compiling kernels.
"""

import argparse
import statistics
import time
from typing import TYPE_CHECKING

import torch

from normdrop.lab.data import load
from normdrop.lab.plan import plan
from normdrop.lab.recipe_names import find
from normdrop.lab.stacked import train_stacked
from normdrop.lab.train import train

if TYPE_CHECKING:
    from collections.abc import Callable

    from normdrop.lab.data import Dataset
    from normdrop.lab.trial import Outcome, Trial

_ROUNDS = 3


def main() -> None:
    """Print images per second of both ways and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--seeds", type=int, default=11)
    parser.add_argument("--images", type=int, default=60000)
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.exit(2, "no GPU here: --device cpu shows that it runs, not how fast it is\n")
    dataset = load(arguments.data)
    trials = plan(
        find("ten-orders"),
        dataset,
        name="ten-orders",
        variants=["conv-bn-act-drop-pool"],
        seeds=arguments.seeds,
        given={"epochs": 1, "limit_train": arguments.images},
        device=arguments.device,
        precision="fp32",
        paper=arguments.data == "mnist",
    )
    name = torch.cuda.get_device_name() if arguments.device == "cuda" else "CPU"
    print(f"{arguments.seeds} seeds, {arguments.images} images, {name}, torch {torch.__version__}")
    ways: dict[str, Callable[[list[Trial], Dataset], list[Outcome]]] = {
        "one after the other": lambda trials, data: [train(trial, data) for trial in trials],
        "all at once": train_stacked,
    }
    speeds: dict[str, list[float]] = {way: [] for way in ways}
    for measured in range(_ROUNDS + 1):
        for way, run in ways.items():
            start = time.perf_counter()
            outcomes = run(trials, dataset)
            seconds = time.perf_counter() - start
            wrong = [outcome.message for outcome in outcomes if outcome.status != "finished"]
            if wrong:
                parser.exit(1, f"{way}: {wrong[0]}\n")
            if measured:  # the first round compiles kernels
                speeds[way].append(len(trials) * arguments.images / seconds)
    for way, taken in speeds.items():
        print(f"{way:20} {statistics.median(taken):10.0f} images/s")
    ratios = [b / a for a, b in zip(*speeds.values(), strict=True)]
    low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
    print(f"ratio {middle:.2f} ({low:.2f} to {high:.2f}); bar on a GPU: 10")


if __name__ == "__main__":
    main()
