"""The network of the ten-orders table."""

from functools import partial
from typing import Literal

import torch
from torch import nn

from normdrop.lab.elu import ELU
from normdrop.lab.pooling import MaxPool2d
from normdrop.torch import Block

_NORM_EPS = 1e-3  # Keras' default


def two_modules(
    order: str,
    shape: tuple[int, ...],
    classes: int,
    *,
    padding: Literal["valid", "same"],
    momentum: float,
) -> nn.Sequential:
    """The network of the ten-orders table: two modules of one order, then two dense layers.

    Modules of 32 and 64 maps, 3×3 kernels, ELU, 2×2 max-pooling, dropout rates 0.2 and 0.3; Dense
    512 with ELU; Dense to the classes. As in Keras every weight has a bias, also where batch norm
    cancels it. One thing differs from Keras: torch stores the unbiased variance as running
    statistic, which is larger by n/(n-1) with n the batch's values per channel; n is at least 3200
    on 28×28 images in batches of 128.

    Args:
        order: The order of each module, for example `"conv-bn-act-drop-pool"`.
        shape: The input's (channels, height, width).
        classes: The number of outputs.
        padding: Of both convolutions, `"valid"` or `"same"`.
        momentum: Of the norm layers, in torch's convention: the share of the newest batch.

    Returns:
        A network whose weights are those of torch's own initialisation; see `initialise`.
    """
    module = partial(
        Block,
        order,
        padding=padding,
        bias=True,
        activation=ELU,
        eps=_NORM_EPS,
        momentum=momentum,
    )
    modules = nn.Sequential(module(shape[0], 32, dropout=0.2), module(32, 64, dropout=0.3))
    for block in modules:
        for name, layer in block.named_children():
            if isinstance(layer, nn.MaxPool2d):
                setattr(block, name, MaxPool2d(2))
    with torch.no_grad():
        features = modules.eval()(torch.zeros(1, *shape)).numel()
    dense = nn.Flatten(), nn.Linear(features, 512), ELU(), nn.Linear(512, classes)
    return nn.Sequential(*modules.train(), *dense)
