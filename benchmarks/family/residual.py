"""Residual networks: pre- and post-activation, wide, bottleneck, stochastic depth."""

from collections.abc import Callable

from torch import Tensor, nn

from family._parts import ACTIVATION, StochasticDepth, head, noise


class Residual(nn.Module):
    """A branch added to a trunk, with what comes before the split and after the add."""

    def __init__(
        self,
        branch: nn.Module,
        shortcut: nn.Module,
        before: nn.Module | None = None,
        after: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.before = before or nn.Identity()
        self.branch = branch
        self.shortcut = shortcut
        self.after = after or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """after(shortcut(x) + branch(x)), where x is before(input)."""
        x = self.before(x)
        y: Tensor = self.after(self.shortcut(x) + self.branch(x))
        return y


Build = Callable[[int, int, int], nn.Module]
"""A block of so many channels in, out, and a stride."""


def residual(block: Build, *, widths: tuple[int, ...] = (12, 16, 24), depth: int = 2) -> nn.Module:
    """A stem, `depth` blocks per width at half the resolution each, a norm, and a pooled head."""
    layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 3, padding=1, bias=False)]
    channels = widths[0]
    for stage, width in enumerate(widths):
        for index in range(depth):
            layers.append(block(channels, width, 2 if stage and not index else 1))
            channels = width
    return nn.Sequential(*layers, nn.BatchNorm2d(channels), nn.ReLU(), head(channels))


def pre_activation(activation: str, rate: float, kind: str = "element", where: str = "P6") -> Build:
    """BN-act-conv-[P4]-BN-act-[P6]-conv-[P7], positions as in Kim et al."""

    def build(inputs: int, outputs: int, stride: int) -> nn.Module:
        places = {name: noise(kind, rate) for name in where.split("+")}
        steps: list[nn.Module | None] = [
            nn.BatchNorm2d(inputs),
            ACTIVATION[activation](),
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            places.get("P4"),
            nn.BatchNorm2d(outputs),
            ACTIVATION[activation](),
            places.get("P6"),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            places.get("P7"),
        ]
        branch = nn.Sequential(*[step for step in steps if step is not None])
        return Residual(branch, _project(inputs, outputs, stride))

    return build


def post_activation(
    activation: str, rate: float, kind: str = "element", where: str = "inside"
) -> Build:
    """conv-BN-act-conv-BN, add, act; noise inside the branch or at its end."""

    def build(inputs: int, outputs: int, stride: int) -> nn.Module:
        branch = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            ACTIVATION[activation](),
            noise(kind, rate) if where == "inside" else nn.Identity(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
            noise(kind, rate) if where == "end" else nn.Identity(),
        )
        project = _project(inputs, outputs, stride)
        if not isinstance(project, nn.Identity):
            project = nn.Sequential(project, nn.BatchNorm2d(outputs))
        return Residual(branch, project, after=ACTIVATION[activation]())

    return build


def bottleneck(activation: str, rate: float, where: str) -> Build:
    """1×1, 3×3, 1×1 pre-activation branch, noise before its last norm (a) or last conv (b)."""

    def build(inputs: int, outputs: int, stride: int) -> nn.Module:
        narrow = outputs // 2
        branch = nn.Sequential(
            nn.BatchNorm2d(inputs),
            ACTIVATION[activation](),
            nn.Conv2d(inputs, narrow, 1, bias=False),
            nn.BatchNorm2d(narrow),
            ACTIVATION[activation](),
            nn.Conv2d(narrow, narrow, 3, stride, 1, bias=False),
            nn.Dropout(rate) if where == "a" else nn.Identity(),
            nn.BatchNorm2d(narrow),
            ACTIVATION[activation](),
            nn.Dropout(rate) if where == "b" else nn.Identity(),
            nn.Conv2d(narrow, outputs, 1, bias=False),
        )
        return Residual(branch, _project(inputs, outputs, stride))

    return build


def stochastic(activation: str, rate: float, block: str) -> Build:
    """A residual block whose whole branch is dropped per sample."""
    make = {"pre": pre_activation, "post": post_activation}[block]
    inner = make(activation, 0.0)

    def build(inputs: int, outputs: int, stride: int) -> nn.Module:
        whole = inner(inputs, outputs, stride)
        if not isinstance(whole, Residual):
            raise TypeError(f"{block} did not build a residual block")
        whole.branch = nn.Sequential(whole.branch, StochasticDepth(rate))
        return whole

    return build


def _project(inputs: int, outputs: int, stride: int) -> nn.Module:
    if inputs == outputs and stride == 1:
        return nn.Identity()
    return nn.Conv2d(inputs, outputs, 1, stride, bias=False)
