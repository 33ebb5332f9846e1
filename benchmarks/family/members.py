"""The test family: every network, what it is fed, and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from family.concatenating import UNet, dense
from family.mobile import inverted
from family.plain import perceptron, plain
from family.residual import (
    bottleneck,
    post_activation,
    pre_activation,
    residual,
    stochastic,
)

IMAGE = (3, 16, 16)
"""CIFAR-10, averaged over 2×2 pixels."""
VECTOR = (1, 14, 14)
"""Fashion-MNIST, averaged over 2×2 pixels."""
SEQUENCE = (28, 28)
"""Fashion-MNIST, 28 rows as channels of a sequence of 28."""


@dataclass(frozen=True)
class Member:
    """One network of the family.

    Attributes:
        name: Architecture, activation, and what sets it apart.
        make: Builds it with fresh weights from torch's global generator.
        shape: Input shape without the batch axis.
    """

    name: str
    make: Callable[[], nn.Module]
    shape: tuple[int, ...]

    @property
    def smooth(self) -> bool:
        """Whether every activation but the head's is another one than ReLU."""
        return "relu" not in self.name

    def build(self, seed: int = 0) -> nn.Module:
        """The network with the fresh weights of one seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.make()


def _images(members: dict[str, Callable[[], nn.Module]]) -> list[Member]:
    return [Member(name, make, IMAGE) for name, make in members.items()]


_PLAIN = _images(
    {
        "plain-relu-max-drop-bn": lambda: plain("conv-drop-bn-act-pool", "relu", 0.5),
        "plain-elu-max-drop-bn": lambda: plain("conv-drop-bn-act-pool", "elu", 0.2),
        "plain-relu-average-pool-drop": lambda: plain(
            "conv-bn-act-pool-drop", "relu", 0.7, down="average"
        ),
        "plain-gelu-average-channel": lambda: plain(
            "conv-bn-act-drop-pool", "gelu", 0.3, kind="channel", down="average"
        ),
        "plain-silu-stride": lambda: plain("conv-bn-act-drop", "silu", 0.1, down="stride"),
        "plain-relu-max-channel-drop-bn": lambda: plain(
            "conv-act-drop-bn-pool", "relu", 0.5, kind="channel"
        ),
        "plain-elu-stride-act-drop-bn": lambda: plain(
            "conv-act-drop-bn", "elu", 0.4, down="stride"
        ),
    }
)
_RESIDUAL = _images(
    {
        "pre-relu-P6": lambda: residual(pre_activation("relu", 0.5)),
        "pre-elu-P6": lambda: residual(pre_activation("elu", 0.3)),
        "pre-silu-channel-P6": lambda: residual(pre_activation("silu", 0.2, "channel")),
        "pre-gelu-P4": lambda: residual(pre_activation("gelu", 0.5, where="P4")),
        "post-relu-inside": lambda: residual(post_activation("relu", 0.3)),
        "post-silu-inside": lambda: residual(post_activation("silu", 0.5)),
        "post-elu-channel-end": lambda: residual(post_activation("elu", 0.4, "channel", "end")),
        "post-gelu-end": lambda: residual(post_activation("gelu", 0.1, where="end")),
        "wide-relu-P4": lambda: residual(
            pre_activation("relu", 0.3, where="P4"), widths=(24, 32), depth=2
        ),
        "wide-gelu-P6": lambda: residual(pre_activation("gelu", 0.3), widths=(24, 32), depth=2),
        "bottleneck-relu-a": lambda: residual(bottleneck("relu", 0.5, "a"), widths=(16, 32)),
        "bottleneck-silu-b": lambda: residual(bottleneck("silu", 0.5, "b"), widths=(16, 32)),
        "depth-pre-relu-sample": lambda: residual(stochastic("relu", 0.5, "pre")),
        "depth-post-silu-sample": lambda: residual(stochastic("silu", 0.2, "post")),
        "depth-pre-gelu-sample": lambda: residual(stochastic("gelu", 0.3, "pre")),
    }
)
_MOBILE = _images(
    {
        "depthwise-silu-channel": lambda: residual(
            inverted("silu", 0.2, "channel"), widths=(8, 16)
        ),
        "depthwise-relu-element": lambda: residual(inverted("relu", 0.4), widths=(8, 16)),
        "excite-relu-element": lambda: residual(
            inverted("relu", 0.5, depthwise=False, excite=True), widths=(8, 16)
        ),
        "excite-silu-element": lambda: residual(inverted("silu", 0.3, excite=True), widths=(8, 16)),
    }
)
_CONCATENATING = _images(
    {
        "dense-relu": lambda: dense("relu", 0.2),
        "dense-elu": lambda: dense("elu", 0.5),
        "unet-relu": lambda: UNet("relu", 0.5),
        "unet-elu-channel": lambda: UNet("elu", 0.2, "channel"),
    }
)
_SEQUENCES = [
    Member(
        "sequence-relu-max",
        lambda: plain("conv-bn-act-drop-pool", "relu", 0.5, channels=28, dims=1),
        SEQUENCE,
    ),
    Member(
        "sequence-elu-average-drop-bn",
        lambda: plain("conv-drop-bn-act-pool", "elu", 0.3, down="average", channels=28, dims=1),
        SEQUENCE,
    ),
    Member(
        "sequence-gelu-stride-channel",
        lambda: plain(
            "conv-bn-act-drop", "gelu", 0.5, kind="channel", down="stride", channels=28, dims=1
        ),
        SEQUENCE,
    ),
]
_PERCEPTRONS = [
    Member("mlp-relu", lambda: perceptron("linear-bn-act-drop", "relu", 0.5), VECTOR),
    Member("mlp-elu-drop-bn", lambda: perceptron("linear-drop-bn-act", "elu", 0.2), VECTOR),
    Member("mlp-gelu", lambda: perceptron("linear-bn-act-drop", "gelu", 0.7), VECTOR),
    Member("mlp-silu-act-drop-bn", lambda: perceptron("linear-act-drop-bn", "silu", 0.5), VECTOR),
]

FAMILY: tuple[Member, ...] = (
    *_PLAIN,
    *_RESIDUAL,
    *_MOBILE,
    *_CONCATENATING,
    *_SEQUENCES,
    *_PERCEPTRONS,
)
"""Rates 0.1 to 0.7; element-, channel- and sample-wise noise; four activations, three poolings."""
