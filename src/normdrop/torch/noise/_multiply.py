"""Any tensor, times noise shared along the axes asked for."""

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from normdrop.errors import NoiseError
from normdrop.torch.noise._operator import KEY_WORDS, multiply_by_key
from normdrop.values.noise import Along, check_along

Kind: TypeAlias = Literal["bernoulli", "gaussian", "uniform"]

_AXES: dict[Along, int] = {"channel": 2, "sample": 1}
_IMAGE_DIMENSIONS = (4, 5)


def multiply_noise(x: Tensor, kind: Kind, amount: float, along: Along = "element") -> Tensor:
    """`x` times a fresh mask.

    Args:
        x: Any floating-point tensor.
        kind: The distribution of the mask.
        amount: Its parameter: the rate of Bernoulli noise, the standard deviation of Gaussian
            noise, the half-width of uniform noise. At 0, `x` itself comes back.
        along: What shares one mask value.

    Raises:
        NoiseError: `x` has too few axes for `along`, or is not floating-point.
    """
    if not x.is_floating_point():
        raise NoiseError(
            f"noise multiplies floating-point tensors, not {x.dtype}: convert it first"
        )
    if amount == 0.0 or x.numel() == 0:
        return x
    if kind == "bernoulli" and amount == 1.0:
        return x * 0.0
    if check_along(along) != "element":
        return (x * _mask(x, _mask_shape(x, along), kind, amount)).to(x.dtype)
    if x.device.type != "cpu":
        return _multiply_native(x, kind, amount)
    if x.is_contiguous() or not _is_channels_last(x):
        return multiply_by_key(x, _draw_key(), kind, amount)
    y = multiply_by_key(x.movedim(1, -1), _draw_key(), kind, amount)
    return y.movedim(-1, 1)


def _draw_key() -> Tensor:
    """128 bits from torch's default generator: four words, int64 of shape (1, 4)."""
    return torch.randint(0, 1 << 32, (1, KEY_WORDS), dtype=torch.int64)


def _is_channels_last(x: Tensor) -> bool:
    """Whether the channels, axis 1, vary fastest in memory and no unit lies apart."""
    return x.ndim in _IMAGE_DIMENSIONS and x.movedim(1, -1).is_contiguous()


def _mask(x: Tensor, shape: list[int], kind: Kind, amount: float) -> Tensor:
    """A mask of its own shape, in float32 at least, which rounds the product only once."""
    dtype = torch.promote_types(x.dtype, torch.float32)
    return multiply_noise(x.new_ones(shape, dtype=dtype), kind, amount)


def _multiply_native(x: Tensor, kind: Kind, amount: float) -> Tensor:
    """Noise from the generator of the device of `x`."""
    if kind == "bernoulli":
        return torch.nn.functional.dropout(x, amount)
    if kind == "gaussian":
        return x * (1.0 + amount * torch.randn_like(x))
    return x * (1.0 + amount * (2.0 * torch.rand_like(x) - 1.0))


def _mask_shape(x: Tensor, along: Along) -> list[int]:
    """One mask value per sample or per channel, with axes of size 1 for the rest."""
    axes = _AXES[along]
    if x.ndim < axes:
        layout = "(N, C, ...)" if along == "channel" else "(N, ...)"
        raise NoiseError(
            f"along={along!r} needs an input of shape {layout}, but it has shape {tuple(x.shape)}"
        )
    return [*x.shape[:axes], *[1] * (x.ndim - axes)]
