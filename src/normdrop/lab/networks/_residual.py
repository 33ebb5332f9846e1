"""Residual networks for small images: PreResNet, ResNet, WRN and ResNeXt."""

import copy
from collections.abc import Sequence
from typing import Any

from torch import nn

from normdrop.torch import Dropout, Head, ResidualBlock
from normdrop.values.order import ResidualStyle

_FIRST = 16
"""Channels of the first convolution in networks for CIFAR (He et al. 2016)."""


def residual_network(
    shape: tuple[int, ...],
    classes: int,
    *,
    stem: int,
    widths: Sequence[int],
    blocks: int,
    style: ResidualStyle = "pre",
    inside: Sequence[int] | None = None,
    stride: int = 1,
    head: "dict[str, Any] | None" = None,
    **block: Any,  # noqa: ANN401 - what `ResidualBlock` takes
) -> nn.Sequential:
    """A convolution, stages of residual blocks of which all but the first halve, and a head.

    Args:
        shape: The input's (channels, height, width).
        classes: The number of outputs.
        stem: Channels of the first convolution, 3×3.
        widths: Channels of each stage.
        blocks: Blocks in each stage.
        style: `"pre"` or `"post"` activation.
        inside: Channels inside the bottlenecks of each stage; left out, blocks are basic ones.
        stride: Of the first convolution.
        head: What else `normdrop.torch.Head` takes, such as `dropout` and `position`.
        **block: What else `normdrop.torch.ResidualBlock` takes, such as `dropout` and `position`.

    Returns:
        A network whose weights are those of torch's own initialisation; see `initialise`.

    >>> from normdrop.torch import ResidualBlock
    >>> network = residual_network((3, 32, 32), 10, stem=4, widths=(4, 8), blocks=1, dropout=0.1)
    >>> [str(each.order) for each in network if isinstance(each, ResidualBlock)]
    ['bn-act-conv-bn-drop-act-conv', 'bn-act-conv-bn-drop-act-conv']
    """
    first = nn.Conv2d(shape[0], stem, 3, stride, padding=1, bias=False)
    layers: list[nn.Module] = [first]
    if style == "post":
        layers += [nn.BatchNorm2d(stem), nn.ReLU()]
    channels = stem
    for stage, width in enumerate(widths):
        for number in range(blocks):
            layers.append(
                ResidualBlock(
                    channels,
                    width,
                    style=style,
                    bias=False,  # as in the papers, also behind the last norm
                    bottleneck=False if inside is None else inside[stage],
                    stride=2 if stage and not number else 1,
                    **block,
                )
            )
            channels = width
    pre = style == "pre"
    end = Head(channels, classes, norm=pre, activation="relu" if pre else None, **(head or {}))
    return nn.Sequential(*layers, end)


def pre_resnet(
    shape: tuple[int, ...],
    classes: int,
    *,
    blocks: int,
    bottleneck: bool,
    **settings: Any,  # noqa: ANN401 - what `residual_network` takes
) -> nn.Sequential:
    """Pre-activation ResNet (He et al. 2016b) of three stages with `blocks` blocks each.

    Of basic blocks it has 6 `blocks` + 2 layers, of bottlenecks 9 `blocks` + 2.

    What else it takes is what `residual_network` takes.

    >>> network = pre_resnet((3, 32, 32), 10, blocks=18, bottleneck=True)
    >>> round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 2)
    1.7
    """
    inside = tuple(_FIRST * 2**stage for stage in range(3))
    return residual_network(
        shape,
        classes,
        stem=_FIRST,
        widths=tuple(4 * width for width in inside) if bottleneck else inside,
        blocks=blocks,
        inside=inside if bottleneck else None,
        **settings,
    )


def resnet(
    shape: tuple[int, ...],
    classes: int,
    *,
    blocks: int,
    bottleneck: bool,
    **settings: Any,  # noqa: ANN401 - what `residual_network` takes
) -> nn.Sequential:
    """Post-activation ResNet (He et al. 2016a) of three stages; see `pre_resnet`."""
    return pre_resnet(
        shape, classes, blocks=blocks, bottleneck=bottleneck, style="post", **settings
    )


def wide_resnet(
    shape: tuple[int, ...],
    classes: int,
    *,
    depth: int,
    factor: int,
    **settings: Any,  # noqa: ANN401 - what `residual_network` takes
) -> nn.Sequential:
    """Wide ResNet (Zagoruyko and Komodakis 2016): `depth` layers, `factor` times the channels.

    >>> network = wide_resnet((3, 32, 32), 10, depth=10, factor=1)
    >>> sum(isinstance(layer, ResidualBlock) for layer in network)
    3
    """
    return residual_network(
        shape,
        classes,
        stem=_FIRST,
        widths=tuple(factor * _FIRST * 2**stage for stage in range(3)),
        blocks=(depth - 4) // 6,
        **settings,
    )


def resnext(
    shape: tuple[int, ...],
    classes: int,
    *,
    depth: int,
    groups: int,
    width: int,
    **settings: Any,  # noqa: ANN401 - what `residual_network` takes
) -> nn.Sequential:
    """ResNeXt (Xie et al. 2017): bottlenecks whose 3×3 convolution has `groups` of `width`.

    It has `depth` layers, 29 for three blocks a stage, and `width` is that of the first stage. What
    else it takes is what `residual_network` takes.
    """
    return residual_network(
        shape,
        classes,
        stem=64,
        widths=(256, 512, 1024),
        blocks=(depth - 2) // 9,
        style="post",
        inside=tuple(groups * width * 2**stage for stage in range(3)),
        groups=groups,
        **settings,
    )


def with_noise_before_last_weights(
    network: nn.Sequential, noise: float | nn.Module
) -> nn.Sequential:
    """The same network with noise before the last weight of every branch.

    In post-activation branches this place has none of the numbers that `ResidualBlock` knows: a
    norm follows it, where in pre-activation branches none does.

    Args:
        network: Of residual blocks; it is changed.
        noise: A rate of dropout, or a layer that is copied; 0 for none.

    >>> network = resnext((3, 8, 8), 10, depth=11, groups=2, width=4)
    >>> noisy = with_noise_before_last_weights(network, 0.5)
    >>> [name for name, _ in noisy[3].branch.named_children()]
    ['conv', 'bn', 'act', 'conv2', 'bn2', 'act2', 'drop', 'conv3', 'bn3']
    """
    if noise == 0:
        return network
    layer = noise if isinstance(noise, nn.Module) else Dropout(noise)
    for block in network:
        if isinstance(block, ResidualBlock):
            parts = dict(block.branch.named_children())
            *_, last = (name for name in parts if name.startswith(("conv", "linear")))
            block.branch = nn.Sequential()
            for name, part in parts.items():
                if name == last:
                    block.branch.add_module("drop", copy.deepcopy(layer))
                block.branch.add_module(name, part)
    return network
