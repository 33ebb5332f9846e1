"""Whether a torch model's running statistics fit its weights."""

import numpy as np
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from normdrop.shifts import expected
from normdrop.shifts.expected import is_initial
from normdrop.torch.watch._norm_call import Moments
from normdrop.torch.watch._passes import Passes, Statistics


def mismatch(passes: Passes, seen: Statistics) -> float:
    """How far the trained layers' inputs are from what they have stored."""
    layers = trained(passes, seen)
    return expected.mismatch(divergence(passes, path, seen[path]).item() for path in layers)


def divergence(passes: Passes, path: str, seen: Moments) -> Tensor:
    """Twice the divergence of seen from stored statistics, averaged over channels."""
    channels = expected.divergences(seen, passes.stored[path], passes.eps[path], Tensor.log)
    mean: Tensor = channels.mean()
    return mean


def trained(passes: Passes, seen: Statistics) -> list[str]:
    """The norm layers whose statistics are not those of a new layer."""
    return [path for path in seen if not is_initial(passes.stored[path])]


def initial_share(model: nn.Module) -> float:
    """How much initial values still weigh in the running statistics; the median over layers."""
    norms = [module for module in model.modules() if isinstance(module, _NormBase)]
    shares = [_share(norm) for norm in norms if _counts(norm)]
    return float(np.median(shares)) if shares else 0.0


def _share(norm: _NormBase) -> float:
    batches, variance = norm.num_batches_tracked, norm.running_var
    if batches is None or variance is None or norm.momentum is None:
        return 0.0
    return expected.initial_share(1 - norm.momentum, batches.item(), variance.cpu().numpy())


def _counts(norm: _NormBase) -> bool:
    """Whether the layer has counted any batch."""
    batches = norm.num_batches_tracked
    return norm.running_var is not None and batches is not None and batches.item() > 0
