"""One call that normalises by running statistics, whichever way it was written."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from normdrop.shifts import expected
from normdrop.torch.watch._channel_moments import channel_moments


class Moments(expected.Moments[Tensor]):
    """Mean and biased variance per channel, float64, shape (channels,) each."""

    def numbers(self) -> expected.Moments[np.ndarray]:
        """The same in numpy arrays, from whatever device."""
        return expected.Moments(self.mean.cpu().numpy(), self.variance.cpu().numpy())


class NormCall(NamedTuple):
    """A batch or instance norm call that carries running statistics.

    A tuple, because one is made for every call of a norm layer, and a dataclass takes longer.

    Attributes:
        x: The input, (batch, channels, ...).
        running_mean: The running mean's own buffer, which tells whose call this is.
        running_variance: The running variance's own buffer.
        weight: γ, or `None`.
        bias: β, or `None`.
        from_batch: Whether the call normalises by its input's own statistics.
        eps: What is added to the variance.
        per_instance: Whether each sample has its own statistics.
    """

    x: Tensor
    running_mean: Tensor
    running_variance: Tensor
    weight: Tensor | None
    bias: Tensor | None
    from_batch: bool
    eps: float
    per_instance: bool

    def moments(self) -> Moments:
        """The input's statistics as this norm takes them, variance biased; differentiable."""
        if not self.per_instance:
            mean, variance = channel_moments(self.x)
            return Moments(mean.double(), variance.double())
        axes = list(range(2, self.x.ndim))
        variance, mean = torch.var_mean(self.x.float(), axes, correction=0)
        return Moments(mean.double().mean(0), variance.double().mean(0))

    def stored(self) -> Moments:
        """A copy of the running statistics, the variance as it is stored: unbiased."""
        return Moments(
            self.running_mean.detach().double().clone(),
            self.running_variance.detach().double().clone(),
        )

    def by_batch(self) -> Tensor:
        """The output in train mode; the running statistics are not touched."""
        if self.per_instance:
            return functional.instance_norm(
                self.x, None, None, self.weight, self.bias, eps=self.eps
            )
        return functional.batch_norm(
            self.x, None, None, self.weight, self.bias, training=True, eps=self.eps
        )

    def by(self, moments: Moments) -> Tensor:
        """The output in eval mode with these statistics."""
        mean = moments.mean.to(self.running_mean)
        variance = moments.variance.to(self.running_variance)
        return functional.batch_norm(self.x, mean, variance, self.weight, self.bias, eps=self.eps)


def norm_call(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> NormCall | None:
    """The call as a `NormCall`, or `None` for any other call or one without running statistics."""
    names = _SIGNATURES.get(function)
    if names is None:
        return None
    given = dict(zip(names, args, strict=False)) | dict(kwargs)
    if given.get("running_mean") is None or given.get("running_var") is None:
        return None
    per_instance = "instance" in function.__name__
    from_batch = given.get("use_input_stats", True) if per_instance else given.get("training")
    return NormCall(
        given["input"],
        given["running_mean"],
        given["running_var"],
        given.get("weight"),
        given.get("bias"),
        bool(from_batch),
        float(given.get("eps", 1e-5)),
        per_instance,
    )


_AFFINE = ("weight", "bias")
_RUNNING = ("running_mean", "running_var")
_SIGNATURES: dict[Callable[..., Any], tuple[str, ...]] = {
    functional.batch_norm: ("input", *_RUNNING, *_AFFINE, "training", "momentum", "eps"),
    torch.batch_norm: ("input", *_AFFINE, *_RUNNING, "training", "momentum", "eps"),
    functional.instance_norm: ("input", *_RUNNING, *_AFFINE, "use_input_stats", "momentum", "eps"),
    torch.instance_norm: ("input", *_AFFINE, *_RUNNING, "use_input_stats", "momentum", "eps"),
}
