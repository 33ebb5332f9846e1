"""A residual block with dropout where it belongs."""

import torch
from torch import Tensor, nn

from normdrop.torch.blocks._call import structure, written_call
from normdrop.torch.blocks._layers import is_silent, make_activation, make_noise
from normdrop.torch.blocks._parts import build
from normdrop.torch.blocks._settings import Activation, Device, Noise, Settings
from normdrop.values.blocks import ResidualPlan, Size, WeightShape, check_count, residual_stride
from normdrop.values.noise import Along
from normdrop.values.order import ResidualPosition, ResidualStyle


class ResidualBlock(nn.Module):
    """A residual block whose dropout stands between its last norm and its last weight.

    There it reaches no norm of the branch, and a norm of a later block only through the sum with
    the trunk (guideline 1 of Kim et al., UAI 2023). The paper's other positions can be chosen:

    | position | pre-activation (bottleneck)      | post-activation (bottleneck)    |
    |----------|----------------------------------|---------------------------------|
    | P0       | on the trunk, before the split   | the same                        |
    | P1       | before the first norm            | first weight, P1, first norm    |
    | P2       | first norm, P2, activation       | the same                        |
    | P3       | activation, P3, first weight     | activation, P3, second weight   |
    | P4       | weight, P4, last norm            | the same                        |
    | P5       | last norm, P5, activation        | after the last norm, at the end |
    | P6       | activation, P6, last weight      | none: refused                   |
    | P7       | after the last weight            | at the end, the same as P5      |

    A branch is, pre-activation, norm, activation, weight, as often as it has weights;
    post-activation, weight, norm, activation, the last activation after the sum. A basic branch has
    two convolutions of `kernel_size`. A bottleneck has three: 1 to the channels inside,
    `kernel_size`, 1 back. Where the shape changes, the trunk passes a convolution of kernel size 1,
    with a batch norm in post-activation; it starts at the trunk itself, so that of all positions
    only P0 reaches it.

    Args:
        in_channels: Channels, or features, of the input.
        out_channels: Channels of the output; those of the input if left out.
        dropout: A rate, or a noise layer, which is copied; 0 for none.
        position: Where dropout goes, `"P0"` to `"P7"`.
        style: `"pre"` or `"post"` activation.
        bottleneck: Whether the branch is a bottleneck with a quarter of `out_channels` inside; or
            how many channels it has inside.
        stride: Of the first convolution of `kernel_size` and of the shortcut.
        dimensions: 1, 2 or 3 axes of positions; 0 for vectors and linear layers.
        kernel_size: Of the convolutions, an odd number.
        dilation: Of the convolutions of `kernel_size`.
        groups: Of the convolutions of `kernel_size`.
        bias: Whether weights have a bias; if left out, as their place in the branch demands, which
            is none but for the last one in pre-activation style.
        activation: A name, a class or a function that makes a layer.
        along: What shares one value of the noise: `"element"`, `"channel"` or `"sample"`.
        eps: Of every batch norm.
        momentum: Of every batch norm, as in `torch.nn.BatchNorm2d`.
        device: Where parameters are made.
        dtype: In which type parameters are made.

    Raises:
        UsageError: If an argument does not fit, or the branch has no such position.

    Example:
        >>> import torch
        >>> block = ResidualBlock(16, 32, dropout=0.2, stride=2)
        >>> str(block.order)
        'bn-act-conv-bn-drop-act-conv'
        >>> block(torch.zeros(2, 16, 8, 8)).shape
        torch.Size([2, 32, 4, 4])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        dropout: Noise = 0.0,
        position: ResidualPosition = "P5",
        style: ResidualStyle = "pre",
        bottleneck: bool | int = False,
        stride: Size = 1,
        dimensions: int = 2,
        kernel_size: Size = 3,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool | None = None,
        activation: Activation = "relu",
        along: Along = "element",
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self._call = written_call(ResidualBlock, locals())
        check_count("in_channels", in_channels)
        leaving = in_channels if out_channels is None else check_count("out_channels", out_channels)
        strides = residual_stride("stride", stride, dimensions)
        settings = Settings(
            dimensions=dimensions,
            activation=activation,
            dropout=dropout,
            along=along,
            eps=eps,
            momentum=momentum,
            device=device,
            dtype=dtype,
        )
        plan = ResidualPlan(
            style=style,
            position=position,
            bottleneck=bottleneck,
            noisy=not is_silent(dropout),
            dimensions=dimensions,
            channels_word="out_channels",
        )
        self.order = plan.order
        wide = WeightShape(
            leaving, kernel_size, strides, dilation=dilation, groups=groups, bias=bias
        )
        self.trunk = make_noise(dropout, along) if plan.on_trunk else nn.Identity()
        self.branch = nn.Sequential(build(plan.branch(in_channels, wide, settings)))
        shortcut = build(plan.shortcut(in_channels, wide, settings))
        self.shortcut = nn.Sequential(shortcut) if shortcut else nn.Identity()
        self.act = make_activation(activation, settings) if style == "post" else nn.Identity()
        self._built = structure(self)

    def forward(self, x: Tensor) -> Tensor:
        """The sum of branch and trunk, through the activation in post-activation style."""
        x = self.trunk(x)
        y: Tensor = self.act(self.branch(x) + self.shortcut(x))
        return y

    def __repr__(self) -> str:
        """The call that builds this block again; its parts, where they are others by now."""
        return self._call if structure(self) == self._built else super().__repr__()
