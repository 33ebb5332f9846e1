"""Small parts the family's networks share: activations, noise, pooling, heads."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

Part = Callable[[], nn.Module]
"""Builds a fresh module each time, so that no two places share one."""

CONV = {1: nn.Conv1d, 2: nn.Conv2d}
NORM = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}
_ELEMENT = {1: nn.Dropout, 2: nn.Dropout}
_CHANNEL = {1: nn.Dropout1d, 2: nn.Dropout2d}
_POOL: dict[tuple[str, int], Part] = {
    ("max", 1): lambda: nn.MaxPool1d(2),
    ("max", 2): lambda: nn.MaxPool2d(2),
    ("average", 1): lambda: nn.AvgPool1d(2),
    ("average", 2): lambda: nn.AvgPool2d(2),
}
ACTIVATION: dict[str, Part] = {
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


class StochasticDepth(nn.Module):
    """Drops a whole sample's branch with probability `rate`, written as many repositories do."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """Scale the branch by 0 or 1 / (1 - rate), one draw per sample."""
        if not self.training or self.rate == 0:
            return branch
        keep = 1 - self.rate
        shape = (branch.shape[0],) + (1,) * (branch.ndim - 1)
        mask = torch.floor(keep + torch.rand(shape, dtype=branch.dtype, device=branch.device))
        return branch / keep * mask


def noise(kind: str, rate: float, dims: int = 2) -> nn.Module:
    """Element-, channel- or sample-wise noise of one rate."""
    if kind == "sample":
        return StochasticDepth(rate)
    return (_ELEMENT if kind == "element" else _CHANNEL)[dims](rate)


def pool(kind: str, dims: int = 2) -> nn.Module:
    """Halve the resolution; for a strided convolution there is nothing left to do."""
    return nn.Identity() if kind == "stride" else _POOL[kind, dims]()


def head(width: int, dims: int = 2, classes: int = 10) -> nn.Sequential:
    """Global average pooling and a linear classifier."""
    gap = nn.AdaptiveAvgPool2d(1) if dims == 2 else nn.AdaptiveAvgPool1d(1)  # noqa: PLR2004
    return nn.Sequential(gap, nn.Flatten(), nn.Linear(width, classes))
