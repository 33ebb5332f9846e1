"""A small network with dropout before batch norm, trained on digits, examined and mended.

`python examples/doctor_on_digits.py` trains it in seconds, says what it loses in eval mode and wins
it back without training, and writes the same as a page: out/doctor-on-digits.html.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

import normdrop
from normdrop.lab.data import load
from normdrop.report import write_diagnosis

Batches = list[tuple[Tensor, Tensor]]


def network(blocks: int = 4, width: int = 32, rate: float = 0.5) -> nn.Sequential:
    """Convolutions, each followed by ReLU, dropout and batch norm, in the order warned against."""
    layers: list[nn.Module] = []
    for number in range(blocks):
        layers += [
            nn.Conv2d(width if number else 1, width, 3, padding=1),
            nn.ReLU(),
            nn.Dropout(rate),
            nn.BatchNorm2d(width),
        ]
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(width, 10))


def batches(part: str, size: int = 64) -> Batches:
    """The embedded 8×8 digits as batches, in a fixed random order."""
    data = getattr(load("digits"), part)
    order = torch.randperm(len(data.inputs), generator=torch.Generator().manual_seed(0))
    images = torch.as_tensor(data.inputs)[order].float() / 255
    targets = torch.as_tensor(data.targets)[order]
    return list(zip(images.split(size), targets.split(size), strict=True))


def trained(model: nn.Module, data: Batches, epochs: int = 6) -> nn.Module:
    """The model, trained with Adam whose rate falls to zero, so that statistics fit the weights."""
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(data))
    for _ in range(epochs):
        for inputs, targets in data:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
            falling.step()
    return model


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """The share of right answers in a batch."""
    return (outputs.argmax(1) == targets).double().mean()


def main() -> None:
    """Train, examine, mend, and say what came of it."""
    torch.manual_seed(0)
    model = trained(network(), batches("train"))
    diagnosis = normdrop.doctor(model, batches("test"), accuracy)
    page = write_diagnosis(diagnosis, Path("out") / "doctor-on-digits.html")
    print(diagnosis)
    print(f"page: {page}")


if __name__ == "__main__":
    main()
