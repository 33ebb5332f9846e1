"""Whether stored statistics fit the weights, or lag behind them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from normdrop.torch._norm_call import Moments
from normdrop.torch._passes import Passes, Statistics, is_initial

_QUANTILE = 0.9
MISMATCH_ABOVE = 0.024
"""Settled statistics stay below it and lagging ones lie above, over a family of small networks."""
INITIAL_ABOVE = 0.03


@dataclass(frozen=True)
class Fit:
    """How well stored statistics fit the weights.

    Attributes:
        mismatch: What no input makes good: the 90th percentile over norm layers of twice the
            Kullback-Leibler divergence of normal distributions, averaged over channels, between
            the statistics the found inputs show and the stored ones. Lag is worst where inputs
            have the least say, so the worst layers tell most.
        initial: How much the initial values, mean 0 and variance 1, still weigh in the stored
            statistics: (1 - momentum) ** batches, the median over norm layers.
    """

    mismatch: float
    initial: float

    @property
    def lags(self) -> bool:
        """Whether the statistics lag behind the weights or belong to others."""
        return self.mismatch > MISMATCH_ABOVE or self.initial > INITIAL_ABOVE

    def __str__(self) -> str:
        """What is wrong, as a clause."""
        if self.initial > INITIAL_ABOVE:
            return f"their initial values still weigh {100 * self.initial:.0f} %"
        return f"no input shows them: mismatch {self.mismatch:.2g}, settled below {MISMATCH_ABOVE}"


def mismatch(passes: Passes, seen: Statistics) -> float:
    """The 90th percentile over trained layers of their divergence; 0 without any."""
    distances = [divergence(passes, path, seen[path]).item() for path in trained(passes, seen)]
    return float(np.quantile(distances, _QUANTILE)) if distances else 0.0


def divergence(passes: Passes, path: str, seen: Moments) -> Tensor:
    """Twice the divergence of seen from stored statistics, averaged over channels."""
    stored, eps = passes.stored[path], passes.eps[path]
    scale = stored.variance + eps  # a dead channel's variance is as good as eps
    ratio = (seen.variance + eps) / scale
    return (ratio - 1 - ratio.log() + (seen.mean - stored.mean).square() / scale).mean()


def trained(passes: Passes, seen: Statistics) -> list[str]:
    """The norm layers whose statistics are not those of a new layer."""
    return [path for path in seen if not is_initial(passes.stored[path])]


def initial_share(model: nn.Module) -> float:
    """How much initial values still weigh in the running statistics; the median over layers.

    Counted batches are believed only where the numbers allow them: a running variance never falls
    below the share of the variance 1 it began with. Statistics set by other means leave counts
    that say nothing.
    """
    norms = [module for module in model.modules() if isinstance(module, _NormBase)]
    shares = [_share(norm) for norm in norms if _counts(norm)]
    return float(np.median(shares)) if shares else 0.0


def _share(norm: _NormBase) -> float:
    batches, variance = norm.num_batches_tracked, norm.running_var
    if batches is None or variance is None or norm.momentum is None:
        return 0.0
    share = float((1 - norm.momentum) ** batches.item())
    return share if bool(torch.all(variance >= share)) else 0.0


def _counts(norm: _NormBase) -> bool:
    """Whether the layer has counted any batch."""
    batches = norm.num_batches_tracked
    return norm.running_var is not None and batches is not None and batches.item() > 0
