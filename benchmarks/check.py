"""How fast `normdrop check` starts and reads packages, against torchfix on the same files.

    python benchmarks/check.py FOLDER... [--peer TARGET]

FOLDER is an installed package, TARGET a folder that `pip install --target` put torchfix into; by
default torchfix is imported from this environment. Both run in a process of their own, one after
the other, and what counts is the time they keep a core busy: both would gain alike from more cores,
and other work on the machine hardly counts. Start-up is the median of 15 runs on an empty file,
byte code cached as an installation does.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

GOAL, START_GOAL = 100.0, 0.25
_STARTS = 15
_OURS = "from normdrop.cli import main; main()"
_PEER = "import sys; from torchfix.__main__ import main; sys.exit(main())"


def busy(program: str, arguments: Sequence[str], path: str) -> float:
    """Seconds of a core that a Python program takes."""
    before = _children()
    environment = os.environ | ({"PYTHONPATH": path} if path else {})
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    if done.returncode not in {0, 1}:
        last = done.stderr.strip().rpartition("\n")[2]
        raise SystemExit(f"{' '.join(arguments)} failed with {done.returncode}: {last}")
    return _children() - before


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


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
    given = parser.parse_args()
    print(show_start(), flush=True)
    ratios = []
    for folder in given.folders:
        ours = busy(_OURS, ["check", str(folder)], "")
        theirs = busy(_PEER, ["--select", "ALL", "--show-stderr", str(folder)], given.peer)
        ratios.append(theirs / ours)
        print(
            f"{folder.name:16} {lines(folder):8} lines  normdrop {ours:6.2f} s  "
            f"torchfix {theirs:7.1f} s  {ratios[-1]:5.0f} times faster",
            flush=True,
        )
    print(f"goal {GOAL:.0f} times: {'met' if min(ratios) >= GOAL else 'missed'}")


if __name__ == "__main__":
    main()
