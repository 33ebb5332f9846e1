"""Small networks that put dropout where it should not be, each in its own way."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from normdrop.torch import Block, Head, ResidualBlock


class PreActivation(nn.Module):
    """A residual block whose dropout stands directly before its last norm."""

    def __init__(self, width: int, rate: float) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.drop = nn.Dropout(rate)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """The sum of trunk and branch."""
        y: Tensor = self.conv1(functional.relu(self.bn1(x)))
        y = self.bn2(self.drop(y))
        y = self.conv2(functional.relu(y))
        return x + y


class PreResNet(nn.Module):
    """Residual blocks between a stem and a head."""

    def __init__(self, rate: float = 0.5, blocks: int = 2) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.blocks = nn.ModuleList([PreActivation(8, rate) for _ in range(blocks)])
        self.bn = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        y: Tensor = self.fc(functional.relu(self.bn(x)).mean((2, 3)))
        return y


class PostActivation(nn.Module):
    """A residual network in post-activation style that shares one ReLU."""

    def __init__(self, rate: float = 0.3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.drop = nn.Dropout2d(rate)
        self.bn2 = nn.BatchNorm2d(8)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(x + self.bn2(self.drop(self.conv2(x))))
        y: Tensor = self.fc(self.pool(x).flatten(1))
        return y


class DenseLayer(nn.Module):
    """A dense layer that ends in dropout."""

    def __init__(self, width: int, growth: int, rate: float) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(width, growth, 3, padding=1, bias=False)
        self.drop = nn.Dropout(rate)

    def forward(self, x: Tensor) -> Tensor:
        """The input beside what is new."""
        return torch.cat([x, self.drop(self.conv1(self.relu1(self.norm1(x))))], 1)


def plain() -> nn.Module:
    """Two convolutions with dropout before each norm."""
    return nn.Sequential(
        Block("conv-drop-bn-act-pool", 3, 8),
        Block("conv-act-drop-bn-pool", 8, 8),
        nn.Flatten(),
        nn.Linear(8 * 4 * 4, 10),
    )


def dense() -> nn.Module:
    """Two dense layers."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        DenseLayer(8, 4, 0.2),
        DenseLayer(12, 4, 0.2),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        Head(16, 10),
    )


def perceptron() -> nn.Module:
    """One hidden layer."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(3 * 16 * 16, 64),
        nn.Dropout(0.5, inplace=True),
        nn.BatchNorm1d(64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def positions() -> nn.Module:
    """Residual blocks with dropout on the trunk, before the first norm and before the last."""
    return nn.Sequential(
        ResidualBlock(3, 8, dropout=0.2, position="P4"),
        ResidualBlock(8, 8, dropout=0.2, position="P0", style="post"),
        ResidualBlock(8, 8, dropout=0.2, position="P1"),
        Head(8, 10, norm=True, activation="relu", dropout=0.2, position="H2"),
    )


ZOO: dict[str, Callable[[], nn.Module]] = {
    "plain": plain,
    "perceptron": perceptron,
    "preresnet": PreResNet,
    "gentle preresnet": lambda: PreResNet(0.1),
    "post-activation": PostActivation,
    "dense": dense,
    "positions": positions,
}
SHAPE = (3, 16, 16)


def settled(model: nn.Module, seed: int = 0) -> nn.Module:
    """A model whose running statistics are no longer those of a new one."""
    torch.manual_seed(seed)
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(16, *SHAPE) + 0.3)
    return model.eval()
