"""A sparse autoencoder with sigmoid units, normalised so that their offset says how sparse."""

import math
from typing import NamedTuple

from torch import Tensor, nn


class Coded(NamedTuple):
    """What a sparse autoencoder makes of its input.

    Attributes:
        reconstruction: Of the input's shape.
        codes: The activity of the units, between 0 and 1, shape (batch, units).
    """

    reconstruction: Tensor
    codes: Tensor


class SparseAutoencoder(nn.Module):
    """Linear, batch norm, sigmoid; and linear back to the input's shape.

    The units before the sigmoid have mean β and deviation γ over the batch, so β alone sets how
    active they are at the start: β = -3.5 makes a unit's activity some 0.03 to 0.05.

    Args:
        shape: The input's, without the batch axis.
        units: How many.
        offset: β of the norm at the start, or `None` for no norm at all.
    """

    def __init__(self, shape: tuple[int, ...], units: int, offset: float | None) -> None:
        super().__init__()
        features = math.prod(shape)
        self.encoder = nn.Linear(features, units, bias=offset is None)
        self.norm: nn.Module = nn.Identity()
        if offset is not None:
            self.norm = nn.BatchNorm1d(units)
            nn.init.constant_(self.norm.bias, offset)
        self.decoder = nn.Linear(units, features)

    def forward(self, x: Tensor) -> Coded:
        """The activity of the units, and what the decoder makes of it."""
        codes: Tensor = self.norm(self.encoder(x.flatten(1))).sigmoid()
        return Coded(self.decoder(codes).view_as(x), codes)


def autoencoder(
    shape: tuple[int, ...], *, units: int, offset: float | None = None
) -> SparseAutoencoder:
    """A sparse autoencoder; see `SparseAutoencoder`.

    >>> autoencoder((1, 8, 8), units=32, offset=-3.5).norm.bias[0].item()
    -3.5
    """
    return SparseAutoencoder(shape, units, offset)
