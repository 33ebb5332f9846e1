"""Noise layers: dropout and its relatives."""

from torch import Tensor

from normdrop.torch._noise_layer import NoiseLayer, is_recorded, recorded
from normdrop.torch.noise import multiply_noise
from normdrop.values.noise import Along, Bernoulli, Gaussian, Uniform


def dropout(
    x: Tensor,
    p: float = 0.5,
    training: bool = True,  # noqa: FBT001, FBT002 - the position torch.nn.functional gives it
    inplace: bool = False,  # noqa: FBT001, FBT002 - same
    *,
    along: Along = "element",
) -> Tensor:
    """`x` with units set to zero with probability `p` and the rest divided by 1-p.

    Args:
        x: Any floating-point tensor; `(N, C, ...)` for `along="channel"`, `(N, ...)` for
            `along="sample"`.
        p: Probability that a unit is dropped, in [0, 1]. On the CPU it is rounded to a multiple of
            2⁻¹⁶ (never to 0 or 1), and what is kept is divided by the rounded 1-p, so that the mean
            is exact.
        training: Without it, `x` comes back as it is.
        inplace: Write the result into `x`.
        along: What shares one mask value: nothing (`"element"`), the positions of one channel of
            one sample (`"channel"`), a whole sample (`"sample"`).

    Raises:
        NoiseError: `p` is no probability, or `x` has too few axes or is not floating-point.

    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> sorted(set(dropout(torch.ones(1000), 0.5).tolist()))
    [0.0, 2.0]
    """
    if is_recorded(x):
        return recorded(x, dropout, p, training, inplace, along=along)
    noise = Bernoulli(p)
    y = multiply_noise(x, "bernoulli", noise.rate, along) if training else x
    return x.copy_(y) if inplace and y is not x else y


class Dropout(NoiseLayer):
    """Inverted dropout, a drop-in for `torch.nn.Dropout` that is much faster on the CPU.

    With `along="channel"` it is `torch.nn.Dropout2d` for inputs `(N, C, ...)` of any dimension;
    with `along="sample"` it is stochastic depth for a residual branch.

    Args:
        p: Probability that a unit is dropped, in [0, 1].
        inplace: Write the result into the input.
        along: What shares one mask value: `"element"`, `"channel"` or `"sample"`.

    Raises:
        NoiseError: `p` is no probability, or `along` is none of the three.

    >>> Dropout(0.2, along="channel")
    Dropout(p=0.2, along='channel')
    """

    def __init__(
        self,
        p: float = 0.5,
        inplace: bool = False,  # noqa: FBT001, FBT002 - the position torch.nn.Dropout gives it
        *,
        along: Along = "element",
    ) -> None:
        super().__init__(along)
        self.p = Bernoulli(p).rate
        self.inplace = inplace

    @property
    def noise(self) -> Bernoulli:
        """The distribution of the mask."""
        return Bernoulli(self.p)

    def multiply(self, x: Tensor) -> Tensor:
        """`x` times a fresh mask in train mode, `x` in eval mode; shape and dtype of `x`."""
        return dropout(x, self.p, self.training, self.inplace, along=self.along)

    def extra_repr(self) -> str:
        """The arguments that build this layer again."""
        inplace = ", inplace=True" if self.inplace else ""
        return f"p={self.p}{inplace}, along={self.along!r}"


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
