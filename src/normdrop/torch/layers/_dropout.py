"""Dropout."""

from torch import Tensor

from normdrop.torch.layers._noise_layer import NoiseLayer, is_recorded, recorded
from normdrop.torch.noise import multiply_noise
from normdrop.values.noise import Along, Bernoulli


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
