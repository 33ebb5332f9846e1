"""What the noise layers share."""

from torch import Tensor, nn

from normdrop.values.noise import Along, Noise, check_along


class NoiseLayer(nn.Module):
    """A layer that multiplies its input by noise in train mode and passes it on in eval mode.

    A new noise layer derives from this class, says what its `noise` is and calls its own function
    in `forward`.
    """

    def __init__(self, along: Along) -> None:
        super().__init__()
        self.along = check_along(along)

    @property
    def noise(self) -> Noise:
        """The distribution of the mask, from the layer's current parameters."""
        raise NotImplementedError

    @property
    def second_moment_factor(self) -> float:
        """E[m²] of the mask m: what train mode multiplies the second moment of the input by."""
        return self.noise.second_moment_factor

    def forward(self, x: Tensor) -> Tensor:
        """`x` times a fresh mask in train mode, `x` in eval mode; shape and dtype of `x`."""
        raise NotImplementedError
