"""Initial weights that rivals share."""

import hashlib
from collections import Counter

import torch
from torch import Tensor, nn

from normdrop.lab.settings import Initialisation


def initialise(network: nn.Module, seed: int, scheme: Initialisation = "glorot") -> None:
    """Draw the weights and set biases to zero; equal layers of two networks get equal weights.

    `"glorot"` draws uniformly (Glorot and Bengio 2010), `"he"` normally with variance 2 / fan-in
    (He et al. 2015).

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
        _draw(module.weight, scheme, generator)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _draw(weight: Tensor, scheme: Initialisation, generator: torch.Generator) -> None:
    if scheme == "glorot":
        nn.init.xavier_uniform_(weight, generator=generator)
    else:
        nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)
