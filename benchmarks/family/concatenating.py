"""Networks that concatenate: dense blocks and a U shape."""

import torch
from torch import Tensor, nn

from family._parts import ACTIVATION, head, noise


class _Grow(nn.Module):
    """BN-act-conv-drop, its output concatenated to its input."""

    def __init__(self, inputs: int, growth: int, activation: str, rate: float, kind: str) -> None:
        super().__init__()
        self.step = nn.Sequential(
            nn.BatchNorm2d(inputs),
            ACTIVATION[activation](),
            nn.Conv2d(inputs, growth, 3, padding=1, bias=False),
            noise(kind, rate),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The input and `growth` new channels."""
        return torch.cat([x, self.step(x)], dim=1)


def dense(
    activation: str, rate: float, kind: str = "element", *, growth: int = 8, depth: int = 4
) -> nn.Sequential:
    """Two dense blocks with a halving transition between them."""
    channels = 2 * growth
    layers: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1, bias=False)]
    for block in range(2):
        for _ in range(depth):
            layers.append(_Grow(channels, growth, activation, rate, kind))
            channels += growth
        layers += [nn.BatchNorm2d(channels), ACTIVATION[activation]()]
        if block == 0:
            layers += [nn.Conv2d(channels, channels // 2, 1, bias=False), nn.AvgPool2d(2)]
            channels //= 2
    return nn.Sequential(*layers, head(channels))


def _double(inputs: int, outputs: int, activation: str, middle: nn.Module) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        ACTIVATION[activation](),
        middle,
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        ACTIVATION[activation](),
    )


class UNet(nn.Module):
    """Two levels down, two up, each level's maps concatenated on the way up; a pooled head."""

    def __init__(self, activation: str, rate: float, kind: str = "element", width: int = 8) -> None:
        super().__init__()
        a, b, c = width, 2 * width, 3 * width
        self.down1 = _double(3, a, activation, noise(kind, rate))
        self.down2 = _double(a, b, activation, noise(kind, rate))
        self.bottom = _double(b, c, activation, noise(kind, rate))
        self.up2 = nn.ConvTranspose2d(c, b, 2, stride=2)
        self.join2 = _double(2 * b, b, activation, noise(kind, rate))
        self.up1 = nn.Upsample(scale_factor=2, mode="nearest")
        self.join1 = _double(a + b, a, activation, noise(kind, rate))
        self.pool = nn.MaxPool2d(2)
        self.head = head(a)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores, (batch, 10)."""
        one = self.down1(x)
        two = self.down2(self.pool(one))
        three = self.bottom(self.pool(two))
        two = self.join2(torch.cat([two, self.up2(three)], dim=1))
        one = self.join1(torch.cat([one, self.up1(two)], dim=1))
        scores: Tensor = self.head(one)
        return scores
