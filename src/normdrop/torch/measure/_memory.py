"""How long running statistics remember."""

from collections.abc import Iterable

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

_USUAL = 0.1
"""torch's own momentum, for a norm that says none."""


def memory(model: nn.Module, paths: Iterable[str]) -> dict[str, float]:
    """Norm layer path to the variance of its running average over that of one batch.

    That is m / (2 - m) at momentum m, and 1 / batches for a plain average.
    """
    modules = dict(model.named_modules())
    return {path: _memory(modules.get(path)) for path in paths}


def _memory(norm: nn.Module | None) -> float:
    if not isinstance(norm, _NormBase):
        return _USUAL / (2 - _USUAL)
    if norm.momentum is None:
        batches = norm.num_batches_tracked
        return 1.0 if batches is None else 1 / max(1, int(batches.item()))
    return norm.momentum / (2 - norm.momentum)
