"""How fast `normdrop check` reads installed packages, against torchfix on the same files.

    python benchmarks/check.py FOLDER... [--peer TARGET]

FOLDER is an installed package, TARGET a folder that `pip install --target` put torchfix into; by
default torchfix is imported from this environment. Both run in a process of their own, one after
the other, and what counts is the time they keep a core busy: both would gain alike from more cores,
and other work on the machine hardly counts.
"""

import argparse
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

GOAL = 100.0
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


def lines(folder: Path) -> int:
    """Lines of Python below a folder."""
    return sum(file.read_bytes().count(b"\n") for file in folder.rglob("*.py") if file.is_file())


def main() -> None:
    """Print one line a package, and whether the goal is met."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--peer", default="")
    given = parser.parse_args()
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
