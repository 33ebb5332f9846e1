"""What `simulate` and `invert` cost on a ResNet-18 at 32×32 with dropout in every block.

Prints seconds of one process on two threads, and `simulate` in forward passes of its own sample,
measured in the same run.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from normdrop.torch.invert import invert
from normdrop.torch.simulate import sample_size, simulate

_SHAPE = (3, 32, 32)
_STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))


class _Block(nn.Module):
    """The basic block of He et al. (2016), with dropout between its convolutions."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = (
            nn.Identity()
            if inputs == outputs
            else nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """relu(shortcut(x) + branch(x))."""
        return torch.relu(self.shortcut(x) + self.branch(x))


def resnet18() -> nn.Module:
    """The ImageNet layout: a strided 7×7 stem, max pooling, two blocks in each of four stages."""
    layers: list[nn.Module] = [
        *(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU()),
        nn.MaxPool2d(3, 2, 1),
    ]
    channels = 64
    for width, stride in _STAGES:
        layers += [_Block(channels, width, stride), _Block(width, width, 1)]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Print one line for each engine."""
    torch.set_num_threads(2)
    torch.manual_seed(0)
    model = resnet18()
    sample = torch.randn(sample_size(_SHAPE), *_SHAPE)
    with torch.no_grad():
        for _ in range(30):
            model(torch.randn(32, *_SHAPE))
        forward = min(seconds(lambda: model(sample)) for _ in range(3))
    whole = seconds(lambda: simulate(model, _SHAPE))
    print(f"simulate {whole:.2f} s: {whole / forward:.1f} train-mode forward passes of its sample")
    print(f"invert   {seconds(lambda: invert(model, _SHAPE)):.2f} s")


if __name__ == "__main__":
    main()
