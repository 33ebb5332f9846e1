"""What `normdrop.measure` costs beside a bare eval pass over the same batches, and what it holds.

One thread; ratios of processor time, each the median over rounds in which both take turns. A bare
pass is `for x in batches: model(x)` in eval mode under `torch.no_grad()`. Memory is what
`tracemalloc` and torch's allocator cannot say on a CPU: the growth of the process, in kilobytes,
from a pass over 10 batches to a pass over 400 of the same size.
"""

import resource
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from predict_speed import resnet18
from torch import Tensor, nn

import normdrop

_ROUNDS = 7
_TARGET = 1.25


def perceptron(width: int) -> nn.Module:
    """Three hidden layers with batch norm."""
    layers: list[nn.Module] = []
    inputs = 32
    for _ in range(3):
        layers += [nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(width, 10))


def convolutions(width: int, depth: int) -> nn.Module:
    """3×3 convolutions with batch norm and dropout, pooled at the end."""
    layers: list[nn.Module] = []
    inputs = 3
    for _ in range(depth):
        layers += [
            nn.Conv2d(inputs, width, 3, padding=1, bias=False),
            *(nn.Dropout(0.5), nn.BatchNorm2d(width), nn.ReLU()),
        ]
        inputs = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))


class Functional(nn.Module):
    """A norm no module of torch's makes: every torch call has to be watched."""

    def __init__(self) -> None:
        super().__init__()
        self.body = convolutions(32, 4)
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(3))
        self.register_buffer("running_var", torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the images, then the network."""
        x = nn.functional.batch_norm(x, self.running_mean, self.running_var, training=self.training)
        scores: Tensor = self.body(x)
        return scores


_CASES: tuple[tuple[str, Callable[[], nn.Module], tuple[int, ...], int], ...] = (
    ("perceptron of 64, batches of 32", lambda: perceptron(64), (32, 32), 200),
    ("perceptron of 256, batches of 128", lambda: perceptron(256), (128, 32), 100),
    ("4 convolutions of 16, 8 of 16×16", lambda: convolutions(16, 4), (8, 3, 16, 16), 100),
    ("4 convolutions of 32, 32 of 32×32", lambda: convolutions(32, 4), (32, 3, 32, 32), 10),
    ("the same, a functional norm first", Functional, (32, 3, 32, 32), 10),
    ("ResNet-18, 16 of 64×64", resnet18, (16, 3, 64, 64), 6),
)


def ratio(model: nn.Module, batches: list[Tensor]) -> tuple[float, float, float]:
    """Median, smallest and largest ratio of processor times."""

    def bare() -> None:
        with torch.no_grad():
            model.eval()
            for batch in batches:
                model(batch)

    def measured() -> None:
        normdrop.measure(model, batches)

    bare()
    measured()
    ratios = [_seconds(measured) / _seconds(bare) for _ in range(_ROUNDS)]
    return statistics.median(ratios), min(ratios), max(ratios)


def growth(model: nn.Module, shape: tuple[int, ...]) -> int:
    """Kilobytes the process's peak grows by from 10 batches to 400."""

    def batches(count: int) -> Iterator[Tensor]:
        for _ in range(count):
            yield torch.randn(shape)

    normdrop.measure(model, batches(10))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    normdrop.measure(model, batches(400))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


def main() -> None:
    """Print one line for each network."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"measure ÷ bare eval pass, processor time, median of {_ROUNDS}; target {_TARGET}")
    for name, make, shape, count in _CASES:
        model = make()
        middle, low, high = ratio(model, [torch.randn(shape) for _ in range(count)])
        print(f"{name:35s} {middle:.2f}   ({low:.2f}, {high:.2f})", flush=True)
    name, make, shape, _ = _CASES[2]
    print(f"{name}: from 10 to 400 batches the peak memory grows by {growth(make(), shape)} KB")


def _seconds(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
