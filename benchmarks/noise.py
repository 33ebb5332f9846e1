"""How fast the noise layers are on the CPU, against torch's, alone and in a training step.

Forward and backward on float32 (128, 32, 26, 26). `Dropout` runs against `torch.nn.Dropout`, the
uniform and Gaussian layers against the same formula with `torch.rand` and `torch.randn`. They take
turns in one process; ratios are of the medians. The training step is that of a small
convolutional net for MNIST, with Adam, batch 128. Every setting runs twice: with freed memory kept
by the allocator (`normdrop.lab.memory`), for all contestants alike, and as glibc does by default.

    python benchmarks/noise.py [--repeats 15] [--steps 8]
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from normdrop.lab.memory import keep_freed_memory
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


LAYERS: dict[str, tuple[nn.Module, nn.Module]] = {
    "Dropout(0.5) / torch.nn.Dropout": (Dropout(0.5), nn.Dropout(0.5)),
    "UniformDropout(0.1) / torch.rand": (UniformDropout(0.1), PlainUniform()),
    "GaussianDropout(0.5) / torch.randn": (GaussianDropout(0.5), PlainGaussian()),
}


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
    for run in runs:
        run()
    for _ in range(repeats):
        for run, taken in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            taken.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(taken) for taken in times]


def report(repeats: int, steps: int, memory: str) -> None:
    """Print the rows of one way of keeping memory."""
    kept = memory == "kept" and keep_freed_memory()
    print(f"freed memory {'kept' if kept else 'as glibc does by default'}")
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for name, (ours, peer) in LAYERS.items():
            own, other = medians([forward_backward(ours), forward_backward(peer)], repeats)
            row = f"{own:8.2f} ms {other:8.2f} ms {other / own:6.1f}x"
            print(f"  {threads} thread(s)  {name:38}{row}", flush=True)
        without, own, other = medians(
            [training_step(kind) for kind in (lambda _: nn.Identity(), Dropout, nn.Dropout)], steps
        )
        row = f"{own:8.2f} ms {other:8.2f} ms {other / own:6.2f}x"
        shares = (
            f"noise takes {1 - without / own:.1%} with ours, {1 - without / other:.1%} with torch's"
        )
        print(
            f"  {threads} thread(s)  {'training step, ours / torch.nn.Dropout':38}{row}  {shares}"
        )


def main() -> None:
    """Run each setting in a fresh process, and keep what was printed beside this file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15, help="of each layer")
    parser.add_argument("--steps", type=int, default=8, help="of training with each network")
    parser.add_argument("--memory", choices=("kept", "default"), help="run this setting alone")
    options = parser.parse_args()
    if options.memory:
        report(options.repeats, options.steps, options.memory)
        return
    lines = [f"torch {torch.__version__}, medians of interleaved runs: ours, peer, peer / ours\n"]
    print(lines[0], end="")
    for memory in ("kept", "default"):
        command = [sys.executable, *sys.argv, "--memory", memory]
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        print(result.stdout, end="", flush=True)
        lines.append(result.stdout)
    Path(__file__).with_suffix(".txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
