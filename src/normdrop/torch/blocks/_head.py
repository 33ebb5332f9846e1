"""The end of a network, with dropout where it belongs."""

from dataclasses import replace

import torch
from torch import nn

from normdrop.torch.blocks._chain import Chain, written_call
from normdrop.torch.blocks._layers import build, global_average_pool, is_silent
from normdrop.torch.blocks._settings import Activation, Device, Noise, Settings
from normdrop.values.blocks import HeadPlan, among, check_count
from normdrop.values.noise import Along
from normdrop.values.order import HeadPosition


class Head(Chain):
    """Global average pooling and a linear layer, with dropout before the pooling.

    There the mean over positions averages the noise away while no norm follows (guideline 2 of
    Kim et al., UAI 2023). The paper's other positions can be chosen:

    H1 – [1×1 convolution] – H2 – [norm] – H3 – [activation] – **H4** – [global average pooling] –
    H5 – [linear] – H6

    What precedes the pooling depends on where the backbone ends, so it is optional: a
    pre-activation backbone needs `norm=True, activation="relu"`, MobileNetV2 all three.

    The input is `(N, C, L)`, `(N, C, H, W)` or `(N, C, D, H, W)`, the output `(N, classes)`.

    Args:
        in_channels: Channels of the input.
        classes: Features of the output.
        hidden: Channels of a convolution of kernel size 1; left out, there is none.
        norm: Whether there is a batch norm.
        activation: A name, a class or a function that makes a layer; left out, there is none.
        dropout: A rate, or a noise layer, which is copied; 0 for none.
        position: `"before-pool"`, which is H4, `"after-pool"`, which is H5, or `"H1"` to `"H6"`.
        dimensions: 1, 2 or 3 axes of positions.
        along: What shares one value of the noise: `"element"`, `"channel"` or `"sample"`.
        eps: Of the batch norm.
        momentum: Of the batch norm, as in `torch.nn.BatchNorm2d`.
        device: Where parameters are made.
        dtype: In which type parameters are made.

    Raises:
        UsageError: If an argument does not fit.

    Example:
        >>> import torch
        >>> head = Head(64, 10, dropout=0.5)
        >>> [name for name, _ in head.named_children()]
        ['drop', 'pool', 'flatten', 'linear']
        >>> head(torch.zeros(2, 64, 4, 4)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        hidden: int | None = None,
        norm: bool = False,
        activation: Activation | None = None,
        dropout: Noise = 0.0,
        position: HeadPosition = "before-pool",
        dimensions: int = 2,
        along: Along = "element",
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        call = written_call(Head, locals())
        check_count("in_channels", in_channels)
        plan = among(
            HeadPlan, locals(), activation=activation is not None, noisy=not is_silent(dropout)
        )
        settings = among(
            Settings, locals(), activation="relu" if activation is None else activation
        )
        parts = build(plan.before_pool(in_channels, settings))
        parts["pool"] = global_average_pool(dimensions)
        parts["flatten"] = nn.Flatten()
        parts |= build(plan.after_pool(in_channels, replace(settings, dimensions=0)))
        super().__init__(call, parts)
