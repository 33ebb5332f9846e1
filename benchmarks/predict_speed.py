"""What the three methods of `predict` cost.

`simulate` and `invert` on a ResNet-18 at 32×32 with dropout in every block; the first in forward
passes of its own sample. `moments` on a ResNet-50 at 224×224 with dropout in every block, in
captures of that model: what the walk adds to the capture. All on one thread; ratios are of
processor time, the smallest of several measurements that take turns.
"""

import time
from collections.abc import Callable

import torch
from capture_models import Bottleneck, resnet50
from torch import Tensor, nn

from normdrop.shifts.expected import plan
from normdrop.shifts.moments import expected_shifts
from normdrop.torch._synthetic import positions
from normdrop.torch.capture import capture
from normdrop.verbs import invert, simulate

_SHAPE = (3, 32, 32)
_LARGE = (3, 224, 224)
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


def with_dropout(model: nn.Module) -> nn.Module:
    """Dropout before the second norm of every bottleneck."""
    for block in model.children():
        if isinstance(block, Bottleneck):
            block.bn2 = nn.Sequential(nn.Dropout(0.3), block.bn2)
    return model


def seconds(*works: Callable[[], object], times: int = 5) -> list[float]:
    """Processor time of each, the smallest of so many rounds."""
    best = [float("inf")] * len(works)
    for _ in range(times):
        for index, work in enumerate(works):
            start = time.process_time()
            work()
            best[index] = min(best[index], time.process_time() - start)
    return best


def running() -> None:
    """One line for each engine that runs the model."""
    torch.manual_seed(0)
    model = resnet18()
    sample = torch.randn(plan.simulated(positions(_SHAPE)), *_SHAPE)
    with torch.no_grad():
        for _ in range(60):
            model(torch.randn(32, *_SHAPE))
    forward, whole, plain = seconds(
        lambda: _forward(model, sample),
        lambda: simulate(model, _SHAPE),
        lambda: simulate(model, _SHAPE, blame=False),
    )
    print(
        f"simulate {whole / forward:.1f} train-mode forward passes of its sample "
        f"({plain / forward:.1f} without causes)"
    )
    start, used = time.perf_counter(), time.process_time()
    report = invert(model, _SHAPE)
    clock, used = time.perf_counter() - start, time.process_time() - used
    with_causes = sum(bool(layer.causes) for layer in report)
    print(
        f"invert   {used:.1f} s of processor time, {clock:.1f} s on the clock; "
        f"causes of {with_causes} layers"
    )


def walking() -> None:
    """One line for the method that does not run the model."""
    model = with_dropout(resnet50())
    captured = capture(model, _LARGE)
    once, whole, plain = seconds(
        lambda: capture(model, _LARGE),
        lambda: expected_shifts(captured),
        lambda: expected_shifts(captured, blame=False),
    )
    print(
        f"moments  {whole / once:.1f} captures with the causes of 16 noise layers, "
        f"{plain / once:.1f} without ({whole:.2f} s, {plain:.2f} s; the capture {once:.2f} s)"
    )


def _forward(model: nn.Module, sample: Tensor) -> None:
    with torch.no_grad():
        model(sample)


def main() -> None:
    """Print one line for each method."""
    torch.set_num_threads(1)
    running()
    walking()


if __name__ == "__main__":
    main()
