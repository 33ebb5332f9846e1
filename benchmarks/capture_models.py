"""The networks that the capture benchmark runs on."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Bottleneck(nn.Module):
    """The block of ResNet-50 (He et al., 2016)."""

    def __init__(self, wide_in: int, width: int, stride: int) -> None:
        super().__init__()
        wide_out = 4 * width
        self.conv1 = nn.Conv2d(wide_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, wide_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(wide_out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or wide_in != wide_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(wide_in, wide_out, 1, stride, bias=False), nn.BatchNorm2d(wide_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Branch plus shortcut, rectified."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += self.downsample(x)
        result: Tensor = self.relu(y)
        return result


def resnet50() -> nn.Module:
    """ResNet-50 for 224×224 images: 25.6 million parameters."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    ]
    wide = 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width = 64 * 2**stage
        for block in range(blocks):
            layers.append(Bottleneck(wide, width, 2 if block == 0 and stage > 0 else 1))
            wide = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(wide, 1000))


class DenseLayer(nn.Module):
    """The layer of DenseNet-BC (Huang et al., 2017), with its dropout."""

    def __init__(self, wide_in: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(wide_in)
        self.conv1 = nn.Conv2d(wide_in, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The input, with the new features beside it."""
        y = self.conv1(functional.relu(self.norm1(x)))
        y = self.conv2(functional.relu(self.norm2(y)))
        y = functional.dropout(y, 0.2, self.training)
        return torch.cat([x, y], 1)


def densenet201() -> nn.Module:
    """DenseNet-201 for 224×224 images: 201 layers, 20 million parameters."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    ]
    wide = 64
    for number, count in enumerate((6, 12, 48, 32)):
        for _ in range(count):
            layers.append(DenseLayer(wide, 32))
            wide += 32
        if number < 3:  # noqa: PLR2004 - no transition after the last block
            layers += [nn.BatchNorm2d(wide), nn.ReLU(inplace=True)]
            layers += [nn.Conv2d(wide, wide // 2, 1, bias=False), nn.AvgPool2d(2)]
            wide //= 2
    layers += [nn.BatchNorm2d(wide), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(wide, 1000))


MODELS = {"ResNet-50": resnet50, "DenseNet-201": densenet201}
