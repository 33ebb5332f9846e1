"""The small settings of all recipes, at the seeds they need: how long they take on this machine.

    python benchmarks/recipes.py --folder out/recipes                       # all, from nothing
    python benchmarks/recipes.py --folder out/recipes --export results      # and keep their results

Each recipe runs as `normdrop compare RECIPE`, one trial per core. A run that was cut short goes on
where it stopped, its clock included: what a killed process had not written down is lost of the
clock alone. Core minutes are of the recipe's own processes, whatever else the machine did; ten
orders count as the recipe has them, on digits. The goal is two hours on two cores.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch

from normdrop.lab.recipe_names import recipe_names
from normdrop.lab.results import read_results
from normdrop.values.files import write_atomically

_GOAL_MINUTES = 120
_NORMDROP = Path(sys.executable).with_name("normdrop")


def main() -> None:
    """Run what has not run yet, and print the times of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="store, clock and results")
    parser.add_argument(
        "--export", type=Path, help="where results are kept; the folder if left out"
    )
    parser.add_argument(
        "--only", nargs="+", default=recipe_names(), choices=recipe_names(), metavar="RECIPE"
    )
    arguments = parser.parse_args()
    clock = arguments.folder / "clock.json"
    export = arguments.export or arguments.folder
    for name in arguments.only:
        taken = json.loads(clock.read_text("utf-8")) if clock.exists() else {}
        before = taken.get(name, {"wall": 0.0, "cores": 0.0, "done": False})
        if before["done"]:
            continue
        start, cores = time.perf_counter(), _children()
        done = False
        try:
            _compare(name, arguments.folder, export)
            done = True
        finally:
            taken[name] = {
                "wall": before["wall"] + time.perf_counter() - start,
                "cores": before["cores"] + _children() - cores,
                "done": done,
            }
            write_atomically(clock, json.dumps(taken, indent=1) + "\n")
    _print(json.loads(clock.read_text("utf-8")), export)


def _compare(name: str, folder: Path, export: Path) -> None:
    """Train one recipe into the folder's store; its table goes to a file."""
    folder.mkdir(parents=True, exist_ok=True)
    store = folder / "store.sqlite"
    with (folder / f"{name}.txt").open("w") as table:
        command = [str(_NORMDROP), "compare", name, "--store", str(store), "--export", str(export)]
        subprocess.run(command, stdout=table, check=True)


def _children() -> float:
    """Seconds of a core that ended child processes and theirs have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _print(taken: dict[str, dict[str, float]], results: Path) -> None:
    print(f"{os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__}\n")
    print(f"{'recipe':20} {'trials':>6} {'minutes':>8} {'core minutes':>13}")
    rows = []
    for name, times in sorted(taken.items(), key=lambda item: -item[1]["wall"]):
        trials = sum(len(comparison.outcomes) for comparison in read_results(results / name))
        rows.append((trials, times["wall"] / 60, times["cores"] / 60))
        print(f"{name:20} {trials:6} {rows[-1][1]:8.1f} {rows[-1][2]:13.1f}")
    trials, wall, cores = (sum(column) for column in zip(*rows, strict=True))
    print(f"{'all':20} {trials:6} {wall:8.1f} {cores:13.1f}")
    print(f"\ngoal {_GOAL_MINUTES} minutes: {_GOAL_MINUTES / wall:.1f} times as fast")


if __name__ == "__main__":
    main()
