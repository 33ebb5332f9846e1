"""Residual blocks with depthwise convolutions, and with squeeze-and-excitation."""

from torch import Tensor, nn

from family._parts import ACTIVATION, noise
from family.residual import Build, Residual


class SqueezeExcite(nn.Module):
    """Rescales channels by a gate computed from their global averages."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, channels // 4, 1),
            nn.ReLU(),
            nn.Conv2d(channels // 4, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The input times its gate."""
        gated: Tensor = x * self.gate(x)
        return gated


def inverted(
    activation: str,
    rate: float,
    kind: str = "element",
    *,
    depthwise: bool = True,
    excite: bool = False,
) -> Build:
    """expand-BN-act-depthwise-BN-act-[excite]-noise-project-BN, added to the trunk."""

    def build(inputs: int, outputs: int, stride: int) -> nn.Module:
        wide = 2 * outputs
        branch = nn.Sequential(
            nn.Conv2d(inputs, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
            ACTIVATION[activation](),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide if depthwise else 4, bias=False),
            nn.BatchNorm2d(wide),
            ACTIVATION[activation](),
            SqueezeExcite(wide) if excite else nn.Identity(),
            noise(kind, rate),
            nn.Conv2d(wide, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        same = inputs == outputs and stride == 1
        shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        return Residual(branch, shortcut)

    return build
