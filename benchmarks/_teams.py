"""Who races in `throughput.py`: programs in environments of their own, and their processes."""

import json
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
PEERS = HERE.parent / ".peers"
DATA = PEERS / "mnist.npz"
CORES = 2


@dataclass(frozen=True)
class Contestant:
    """A program that trains trials, and how it uses the cores.

    Attributes:
        name: What the table calls it.
        script: The program, in `contestants/`.
        packages: What its environment needs; none if it runs in normdrop's own.
        environment: Its settings.
        processes: How many run side by side; each has `CORES / processes` threads.
    """

    name: str
    script: str
    packages: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    processes: int = 1

    @property
    def is_peer(self) -> bool:
        """Whether it is what the lab is compared with."""
        return bool(self.packages)

    @property
    def python(self) -> Path:
        """The interpreter it runs in."""
        folder = PEERS / self.name.replace(" ", "-").lower()
        return folder / "bin" / "python" if self.is_peer else Path(sys.executable)


OURS = tuple(
    Contestant(f"normdrop {precision}", "lab.py", environment={"CONTESTANT_PRECISION": precision})
    for precision in ("fp32", "bf16")
)
PEER_KINDS = (
    Contestant(
        "Keras-TF",
        "keras_peer.py",
        ("tensorflow-cpu", "keras"),
        # With XLA a trial did not end within minutes.
        {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CONTESTANT_JIT": "off"},
    ),
    Contestant("Keras-torch", "keras_peer.py", ("torch", "keras"), {"KERAS_BACKEND": "torch"}),
    Contestant("Torch", "torch_peer.py", ("torch", "numpy")),
)


class Team:
    """The running processes of one contestant."""

    def __init__(self, contestant: Contestant) -> None:
        self.contestant = contestant
        threads = CORES // contestant.processes
        settings = {
            "CONTESTANT_THREADS": str(threads),
            "CONTESTANT_DATA": str(DATA),
            "OMP_NUM_THREADS": str(threads),
        }
        self._processes = [
            subprocess.Popen(
                [contestant.python, HERE / "contestants" / contestant.script],
                env={**os.environ, **settings, **contestant.environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(contestant.processes)
        ]

    def run(self, order: str, seeds: Sequence[int], epochs: int, images: int) -> list[dict]:
        """Train one trial per seed; the seeds are dealt out to the processes."""
        request = {"order": order, "epochs": epochs, "images": images}
        hands = [seeds[number :: len(self._processes)] for number in range(len(self._processes))]
        for process, hand in zip(self._processes, hands, strict=True):
            lines = (
                [{**request, "seed": seed} for seed in hand]
                if self.contestant.is_peer
                else [{**request, "seeds": hand}]
            )
            process.stdin.writelines(json.dumps(line) + "\n" for line in lines)
            process.stdin.flush()
        return [
            {"seed": seed, **self._answer(process)}
            for process, hand in zip(self._processes, hands, strict=True)
            for seed in hand
        ]

    def _answer(self, process: subprocess.Popen) -> dict:
        if line := process.stdout.readline():
            return json.loads(line)
        sys.exit(f"{self.contestant.name} ended with status {process.wait()}")

    def stop(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.stdin.close()
            process.stdout.close()
            process.terminate()
            process.wait()


def install(contestants: Sequence[Contestant]) -> None:
    """Make the peers' environments, where they are not there yet, and the file of data."""
    for contestant in contestants:
        if not contestant.is_peer or contestant.python.with_name("complete").exists():
            continue
        venv.create(contestant.python.parent.parent, with_pip=True, clear=True)
        pip = [contestant.python, "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--constraint", HERE / "peers.txt", *contestant.packages], check=True)
        contestant.python.with_name("complete").touch()
    if not DATA.exists():
        from normdrop.lab.data import load

        mnist = load("mnist")
        np.savez(
            DATA,
            train_inputs=mnist.train.inputs,
            train_targets=mnist.train.targets,
            test_inputs=mnist.test.inputs,
            test_targets=mnist.test.targets,
        )
