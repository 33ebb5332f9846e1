"""Draws the pictures of the site anew: `make figures`."""

from pathlib import Path

import torch
from torch import nn

import normdrop

_HERE = Path(__file__).parent


class Block(nn.Module):
    """A residual block with dropout before its last norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.drop = nn.Dropout(0.3)
        self.conv2 = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The branch and the trunk."""
        y = self.drop(self.bn1(self.conv1(x)).relu())
        return (x + self.bn2(self.conv2(y))).relu()


def main() -> None:
    """Write `map.svg`."""
    torch.manual_seed(0)
    drawn = normdrop.view(nn.Sequential(Block()), (16, 16, 16), name="block")
    (_HERE / "map.svg").write_text(drawn.svg("0"), "utf-8")


if __name__ == "__main__":
    main()
