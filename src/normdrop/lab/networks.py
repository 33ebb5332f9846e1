"""The networks of the recipes, and initial weights that rivals share."""

import hashlib
import math
from collections import Counter

import torch
from torch import nn

_EPS, _MOMENTUM = 1e-3, 0.01


def two_modules(order: str, shape: tuple[int, ...], classes: int, *, padding: str) -> nn.Sequential:
    """The network of the ten-orders table: two modules of `order`, then two dense layers."""
    return _sequential(order, shape, classes, padding)


def _sequential(order: str, shape: tuple[int, ...], classes: int, padding: str) -> nn.Sequential:
    layers: list[nn.Module] = []
    channels, size = shape[0], shape[1:]
    for maps, rate in ((32, 0.2), (64, 0.3)):
        for token in order.split("-"):
            if token == "conv":
                layers.append(nn.Conv2d(channels, maps, 3, padding=padding))
                channels = maps
                if padding == "valid":
                    size = tuple(s - 2 for s in size)
            elif token == "bn":
                layers.append(nn.BatchNorm2d(channels, eps=_EPS, momentum=_MOMENTUM))
            elif token == "act":
                layers.append(nn.ELU())
            elif token == "drop":
                layers.append(nn.Dropout(rate))
            else:
                layers.append(nn.MaxPool2d(2))
                size = tuple(s // 2 for s in size)
    features = channels * math.prod(size)
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(features, 512), nn.ELU(), nn.Linear(512, classes)
    )


def initialise(network: nn.Module, seed: int) -> None:
    """Draw Glorot-uniform weights and zero biases; equal layers of two networks get equal weights.

    Each weight has its own generator, keyed by the seed, the layer's kind, the weight's shape and
    how many such came before it. So two orders of the same layers start from the same weights,
    whatever else stands between them.
    """
    seen: Counter[tuple[str, tuple[int, ...]]] = Counter()
    for module in network.modules():
        if not isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            continue
        role = (type(module).__name__, tuple(module.weight.shape))
        key = hashlib.sha256(repr((seed, role, seen[role])).encode()).digest()
        seen[role] += 1
        generator = torch.Generator().manual_seed(int.from_bytes(key[:8], "big") >> 1)
        nn.init.xavier_uniform_(module.weight, generator=generator)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
