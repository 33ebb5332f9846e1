"""Uniform dropout, Uout."""

from torch import Tensor

from normdrop.torch.layers._noise_layer import NoiseLayer, is_recorded, recorded
from normdrop.torch.noise import multiply_noise
from normdrop.values.noise import Along, Uniform


def uniform_dropout(
    x: Tensor,
    beta: float = 0.1,
    training: bool = True,  # noqa: FBT001, FBT002 - the position torch.nn.functional gives it
    *,
    along: Along = "element",
) -> Tensor:
    """`x·(1+r)` with r ~ U(-beta, beta).

    Args:
        x: Any floating-point tensor; `(N, C, ...)` for `along="channel"`, `(N, ...)` for
            `along="sample"`.
        beta: Half-width of the noise, 0 or more.
        training: Without it, `x` comes back as it is.
        along: What shares one mask value: `"element"`, `"channel"` or `"sample"`.

    Raises:
        NoiseError: `beta` is out of range, or `x` has too few axes or is not floating-point.

    >>> import torch
    >>> y = uniform_dropout(torch.ones(1000), 0.1)
    >>> bool(((y >= 0.9) & (y <= 1.1)).all())
    True
    """
    if is_recorded(x):
        return recorded(x, uniform_dropout, beta, training, along=along)
    noise = Uniform(beta)
    return multiply_noise(x, "uniform", noise.beta, along) if training else x


class UniformDropout(NoiseLayer):
    """Uout: multiplicative uniform noise, `x·(1+r)` with r ~ U(-beta, beta).

    Its second moment factor, 1 + beta²/3, stays so close to 1 that a batch norm after it hardly
    notices the change to eval mode (Li et al. 2019, section 5.2).

    Args:
        beta: Half-width of the noise, 0 or more.
        along: What shares one mask value: `"element"`, `"channel"` or `"sample"`.

    Raises:
        NoiseError: `beta` is out of range, or `along` is none of the three.

    >>> UniformDropout()
    UniformDropout(beta=0.1, along='element')
    """

    def __init__(self, beta: float = 0.1, *, along: Along = "element") -> None:
        super().__init__(along)
        self.beta = Uniform(beta).beta

    @property
    def noise(self) -> Uniform:
        """The distribution of the mask."""
        return Uniform(self.beta)

    def multiply(self, x: Tensor) -> Tensor:
        """`x` times a fresh mask in train mode, `x` in eval mode; shape and dtype of `x`."""
        return uniform_dropout(x, self.beta, self.training, along=self.along)

    def extra_repr(self) -> str:
        """The arguments that build this layer again."""
        return f"beta={self.beta}, along={self.along!r}"
