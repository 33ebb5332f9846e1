"""Dropout with a correction that practitioners ask for: its outputs times √keep."""

import math
from typing import Literal, TypeAlias

from torch import Tensor, nn

from normdrop.torch import Dropout

Correction: TypeAlias = Literal["none", "sqrt-keep", "sqrt-keep-about-mean"]


class RescaledDropout(nn.Module):
    """Dropout whose outputs are corrected in train mode, so that their deviation does not grow.

    With keep = 1 − rate, of inputs with mean c and variance v:

    | correction             | output in train mode       | its mean | its variance      |
    |------------------------|----------------------------|----------|-------------------|
    | `none`                 | dropout(x)                 | c        | (v + c²)/keep − c² |
    | `sqrt-keep`            | √keep · dropout(x)         | √keep · c | v + (1 − keep) c² |
    | `sqrt-keep-about-mean` | c + √keep · dropout(x − c) | c        | v                 |

    In eval mode inputs pass as they are.

    Args:
        rate: Probability that a unit is dropped.
        correction: Which; c is the mean of the batch, of each channel where there are channels.

    >>> import torch
    >>> x = torch.full((4, 3), 2.0)  # nothing but a mean
    >>> torch.equal(RescaledDropout(0.5, "sqrt-keep-about-mean")(x), x)
    True
    """

    def __init__(self, rate: float, correction: Correction) -> None:
        super().__init__()
        self.noise = Dropout(rate)
        self.correction = correction

    def forward(self, x: Tensor) -> Tensor:
        """Values of shape (batch,) or (batch, channels, ...), of the same shape."""
        if not self.training:
            return x
        scale = 1.0 if self.correction == "none" else math.sqrt(1 - self.noise.p)
        mean: Tensor | float = 0.0
        if self.correction == "sqrt-keep-about-mean":
            mean = x.mean([axis for axis in range(x.ndim) if axis != 1], keepdim=True)
        noisy: Tensor = mean + scale * self.noise(x - mean)
        return noisy
