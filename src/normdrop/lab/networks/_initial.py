"""Initial weights that rivals share."""

import hashlib
from collections import Counter

import torch
from torch import nn


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
