"""Modules that are recorded as one call, whatever their forward does inside."""

from collections.abc import Callable

from torch import Tensor, nn

from normdrop.shifts.graph import Along, Kind, Noise, Norm
from normdrop.torch._noise_layer import NoiseLayer
from normdrop.torch.capture._call import Description
from normdrop.torch.capture._noises import bernoulli, multiplier
from normdrop.values.noise import Bernoulli, Gaussian

Describe = Callable[[nn.Module, Tensor], Description]


def describe_module(module: nn.Module, x: Tensor) -> Description | None:
    """What a module as a whole is, if it is one of these."""
    for kind, describe in WHOLE.items():
        if isinstance(module, kind):
            return describe(module, x)
    return None


def _synchronized(module: nn.Module, x: Tensor) -> Description:
    """Batch norm over all processes, whose kernels run on a GPU only."""
    assert isinstance(module, nn.SyncBatchNorm)  # noqa: S101 - the table's key
    carries = module.running_mean is not None
    by_batch = module.training or not carries
    norm = Norm(
        "batch",
        carries_statistics=carries,
        uses_batch_statistics=by_batch,
        updates_statistics=by_batch and carries and module.track_running_stats,
        axes=(0, *range(2, x.ndim)),
        eps=module.eps,
        momentum=module.momentum,
    )
    roles = {
        "gamma": module.weight,
        "beta": module.bias,
        "running_mean": module.running_mean,
        "running_var": module.running_var,
    }
    return Description(Kind.NORM, norm, 1, roles)


def _noise(module: nn.Module, x: Tensor) -> Description:
    """A noise layer of this library, which says itself what it draws."""
    assert isinstance(module, NoiseLayer)  # noqa: S101 - the table's key
    along, on, law, shape = Along(module.along), module.training, module.noise, tuple(x.shape)
    if isinstance(law, Bernoulli):
        noise: Noise = bernoulli(law.rate, shape, along, on=on)
    elif isinstance(law, Gaussian):
        noise = multiplier("gaussian", law.deviation, shape, along, on=on)
    else:
        noise = multiplier("uniform", law.beta, shape, along, on=on)
    return Description(Kind.NOISE, noise, 1 if along is Along.CHANNEL else None)


WHOLE: dict[type[nn.Module], Describe] = {
    nn.SyncBatchNorm: _synchronized,
    NoiseLayer: _noise,
}
"""What describes a module, by its class or a base of it."""
