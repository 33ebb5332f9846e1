"""How fast the noise layers are on the CPU, against torch's, alone and in a training step.

Forward and backward on float32 (128, 32, 26, 26). `Dropout` runs against `torch.nn.Dropout`, the
uniform and Gaussian layers against the same formula with `torch.rand` and `torch.randn`. The row
"scaled copy" is `x * 0.5`: it reads and writes the same memory without any noise, so it bounds what
a layer that returns a new tensor can reach. The training step is that of a small convolutional net
for MNIST, with Adam, batch 128: with our layers, with torch's and with none.

All contestants of a process take turns, run by run and step by step; times are medians. Each
setting has a process of its own: one and two threads, freed memory kept by the allocator
(`normdrop.lab.worker`), for all contestants alike, or returned as glibc does by default.

    python benchmarks/noise.py [--repeats 21] [--steps 31]
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import torch
from torch import Tensor, nn

from normdrop.lab.worker import keep_freed_memory
from normdrop.torch import Dropout, GaussianDropout, UniformDropout

SHAPE = (128, 32, 26, 26)


class PlainUniform(nn.Module):
    """Uniform noise as one writes it with `torch.rand`."""

    def forward(self, x: Tensor) -> Tensor:
        """`x·(1+r)`, r uniform in [-0.1, 0.1)."""
        return x * (1.0 + 0.1 * (2.0 * torch.rand_like(x) - 1.0))


class PlainGaussian(nn.Module):
    """Gaussian noise as one writes it with `torch.randn`."""

    def forward(self, x: Tensor) -> Tensor:
        """`x·(1+z)`, z normal with the variance of dropout at rate 0.5."""
        return x * (1.0 + torch.randn_like(x))


class ScaledCopy(nn.Module):
    """The least a layer can do."""

    def forward(self, x: Tensor) -> Tensor:
        """`x/2`."""
        return x * 0.5


COPY = "scaled copy"
LAYERS: dict[str, nn.Module] = {
    COPY: ScaledCopy(),
    "Dropout(0.5)": Dropout(0.5),
    "torch.nn.Dropout(0.5)": nn.Dropout(0.5),
    "UniformDropout(0.1)": UniformDropout(0.1),
    "torch.rand": PlainUniform(),
    "GaussianDropout(0.5)": GaussianDropout(0.5),
    "torch.randn": PlainGaussian(),
}
PAIRS = (
    ("Dropout(0.5)", "torch.nn.Dropout(0.5)"),
    ("UniformDropout(0.1)", "torch.rand"),
    ("GaussianDropout(0.5)", "torch.randn"),
)
# The allocator settles on the addresses it hands out again within this many runs.
WARM_UP = 8


def network(dropout: Callable[[float], nn.Module]) -> nn.Sequential:
    """Two convolutional modules of 32 and 64 maps and a hidden layer of 512."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ELU(), nn.MaxPool2d(2), dropout(0.2)),
        *(nn.Conv2d(32, 64, 3), nn.ELU(), nn.MaxPool2d(2), dropout(0.3)),
        *(nn.Flatten(), nn.Linear(1600, 512), nn.ELU(), nn.Linear(512, 10)),
    )


def training_step(dropout: Callable[[float], nn.Module]) -> Callable[[], None]:
    """One step of Adam on random images."""
    torch.manual_seed(0)
    model, images, labels = network(dropout), torch.randn(128, 1, 28, 28), torch.arange(128) % 10
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return step


def forward_backward(layer: nn.Module) -> Callable[[], None]:
    """One pass through a layer and back."""
    x, gradient = torch.randn(SHAPE, requires_grad=True), torch.randn(SHAPE)

    def run() -> None:
        x.grad = None
        layer(x).backward(gradient)

    return run


def medians(runs: list[Callable[[], None]], repeats: int) -> list[float]:
    """Median milliseconds of each run, taking turns."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(WARM_UP + repeats):
        for run, taken in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            taken.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(taken[WARM_UP:]) for taken in times]


def report(repeats: int, steps: int, memory: str, threads: int) -> None:
    """Print the rows of one setting."""
    kept = memory == "kept" and keep_freed_memory()
    torch.set_num_threads(threads)
    print(f"{threads} thread(s), freed memory {'kept' if kept else 'returned'}")
    runs = [forward_backward(layer) for layer in LAYERS.values()]
    taken = dict(zip(LAYERS, medians(runs, repeats), strict=True))
    print(f"  {COPY:22}{taken[COPY]:8.2f} ms")
    for ours, peer in PAIRS:
        print(
            f"  {ours:22}{taken[ours]:8.2f} ms   {peer:22}{taken[peer]:8.2f} ms"
            f"{taken[peer] / taken[ours]:6.1f}x   a copy would be {taken[peer] / taken[COPY]:.1f}x"
        )
    kinds = (lambda _: nn.Identity(), Dropout, nn.Dropout)
    without, own, other = medians([training_step(kind) for kind in kinds], steps)
    print(
        f"  training step: {without:.1f} ms without dropout, {own:.1f} ms with ours "
        f"({own / without - 1:+.1%}), {other:.1f} ms with torch's ({other / without - 1:+.1%})",
        flush=True,
    )


def main() -> None:
    """Run each setting in a fresh process, and keep what was printed beside this file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=21, help="of each layer")
    parser.add_argument("--steps", type=int, default=31, help="of training with each network")
    parser.add_argument("--setting", nargs=2, help="run one alone, such as: kept 2")
    options = parser.parse_args()
    if options.setting:
        memory, threads = options.setting
        report(options.repeats, options.steps, memory, int(threads))
        return
    lines = [f"torch {torch.__version__}, median milliseconds forward and backward\n"]
    print(lines[0], end="")
    for memory, threads in product(("kept", "returned"), ("1", "2")):
        command = [sys.executable, *sys.argv, "--setting", memory, threads]
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        print(result.stdout, end="", flush=True)
        lines.append(result.stdout)
    Path(__file__).with_suffix(".txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
