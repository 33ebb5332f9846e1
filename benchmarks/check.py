"""How fast `normdrop check` starts and reads packages, against torchfix on the same files.

    python benchmarks/check.py FOLDER... [--peer TARGET] [--at-once N]

FOLDER is an installed package, TARGET a folder that `pip install --target` put torchfix into; by
default torchfix is imported from this environment. Both run in processes of their own, torchfix
once over each package, with a process for every core as it does by itself, then normdrop: the
median of 5 times as many copies at once as there are cores, so that both keep them all busy. What
counts is the time they keep a core busy: both would gain alike from more cores, and other work on
the machine hardly counts. N packages are given to torchfix at a time. Start-up is the median of 15
runs on an empty file, byte code cached as an installation does.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

GOAL, START_GOAL = 100.0, 0.25
_STARTS, _ROUNDS = 15, 5
_OURS = "from normdrop.cli import main; main()"
_PEER = "import sys; from torchfix.__main__ import main; sys.exit(main())"


def busy(program: str, arguments: Sequence[str], path: str) -> float:
    """Seconds of a core that a Python program, and every process it starts, takes."""
    environment = os.environ | ({"PYTHONPATH": path} if path else {})
    command = [sys.executable, "-c", program, *arguments]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in {0, 1}:
            said.seek(0)
            last = said.read().strip().rpartition("\n")[2]
            raise SystemExit(f"{' '.join(arguments)} failed with {process.returncode}: {last}")
    return usage.ru_utime + usage.ru_stime


def check(folder: Path) -> float:
    """Seconds of a core that normdrop takes over a folder, with every core busy."""
    copies = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(copies) as pool:
        program = partial(busy, _OURS, ["check", str(folder)])
        return statistics.median(pool.map(program, [""] * (copies * _ROUNDS)))


def fix(folder: Path, peer: str) -> float:
    """Seconds of a core that torchfix takes over a folder."""
    taken = busy(_PEER, ["--select", "ALL", "--show-stderr", str(folder)], peer)
    print(f"torchfix has read {folder.name} in {taken:.1f} s", file=sys.stderr, flush=True)
    return taken


def start(program: str, arguments: Sequence[str]) -> tuple[float, float]:
    """Median seconds of a core, and of a clock on the wall, that a program takes."""
    busy(program, arguments, "")
    taken = []
    for _ in range(_STARTS):
        before = time.perf_counter()
        taken.append((busy(program, arguments, ""), time.perf_counter() - before))
    cores, walls = zip(*taken, strict=True)
    return statistics.median(cores), statistics.median(walls)


def show_start() -> str:
    """Two lines on how long it takes to check nothing."""
    with tempfile.TemporaryDirectory() as folder:
        # Byte code is read from there, also where the environment forbids writing it.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        empty = Path(folder) / "empty.py"
        empty.touch()
        loaded = "import sys; assert 'torch' not in sys.modules"
        busy(
            _OURS.replace("main()", f"\ntry: main()\nfinally: {loaded}"), ["check", str(empty)], ""
        )
        ours, wall = start(_OURS, ["check", str(empty)])
        python, _ = start("pass", [])
        command_line, _ = start("import rich_click", [])
    met = "met" if ours < START_GOAL else "missed"
    goal = f"goal {START_GOAL} s of a core: {met}"
    return (
        f"start-up {ours:.3f} s of a core, {wall:.2f} s on the wall, without torch ({goal});\n"
        f"Python alone {python:.3f} s, with rich-click {command_line:.3f} s"
    )


def lines(folder: Path) -> int:
    """Lines of Python below a folder."""
    return sum(file.read_bytes().count(b"\n") for file in folder.rglob("*.py") if file.is_file())


def main() -> None:
    """Print one line a package, and whether the goal is met."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--peer", default="")
    parser.add_argument("--at-once", type=int, default=1)
    given = parser.parse_args()
    with ThreadPoolExecutor(given.at_once) as pool:
        theirs = [pool.submit(fix, folder, given.peer) for folder in given.folders]
        ratios = []
        for folder, peer in zip(given.folders, [each.result() for each in theirs], strict=True):
            ours = check(folder)
            ratios.append(peer / ours)
            print(
                f"{folder.name:16} {lines(folder):8} lines  normdrop {ours:6.2f} s  "
                f"torchfix {peer:7.1f} s  {ratios[-1]:5.0f} times faster",
                flush=True,
            )
    print(show_start())
    print(f"goal {GOAL:.0f} times: {'met' if min(ratios) >= GOAL else 'missed'}")


if __name__ == "__main__":
    main()
