"""Gaussian dropout."""

from torch import Tensor

from normdrop.torch.layers._noise_layer import NoiseLayer, is_recorded, recorded
from normdrop.torch.noise import multiply_noise
from normdrop.values.noise import Along, Gaussian


def gaussian_dropout(
    x: Tensor,
    p: float = 0.5,
    training: bool = True,  # noqa: FBT001, FBT002 - the position torch.nn.functional gives it
    *,
    along: Along = "element",
) -> Tensor:
    """`x` times a mask drawn from N(1, p/(1-p)).

    Args:
        x: Any floating-point tensor; `(N, C, ...)` for `along="channel"`, `(N, ...)` for
            `along="sample"`.
        p: The dropout rate whose variance the noise has, in [0, 1).
        training: Without it, `x` comes back as it is.
        along: What shares one mask value: `"element"`, `"channel"` or `"sample"`.

    Raises:
        NoiseError: `p` is out of range, or `x` has too few axes or is not floating-point.

    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> y = gaussian_dropout(torch.ones(100_000), 0.2)
    >>> round(y.mean().item(), 1), round(y.std().item(), 1)
    (1.0, 0.5)
    """
    if is_recorded(x):
        return recorded(x, gaussian_dropout, p, training, along=along)
    noise = Gaussian(p)
    return multiply_noise(x, "gaussian", noise.deviation, along) if training else x


class GaussianDropout(NoiseLayer):
    """Multiplicative Gaussian noise with mean 1 and standard deviation √(p/(1-p)).

    It has the first two moments of `Dropout(p)` and no zeros (Srivastava et al. 2014, section 10).

    Args:
        p: The dropout rate whose variance the noise has, in [0, 1).
        along: What shares one mask value: `"element"`, `"channel"` or `"sample"`.

    Raises:
        NoiseError: `p` is out of range, or `along` is none of the three.

    >>> GaussianDropout(0.2).second_moment_factor
    1.25
    """

    def __init__(self, p: float = 0.5, *, along: Along = "element") -> None:
        super().__init__(along)
        self.p = Gaussian(p).rate

    @property
    def noise(self) -> Gaussian:
        """The distribution of the mask."""
        return Gaussian(self.p)

    def multiply(self, x: Tensor) -> Tensor:
        """`x` times a fresh mask in train mode, `x` in eval mode; shape and dtype of `x`."""
        return gaussian_dropout(x, self.p, self.training, along=self.along)

    def extra_repr(self) -> str:
        """The arguments that build this layer again."""
        return f"p={self.p}, along={self.along!r}"
