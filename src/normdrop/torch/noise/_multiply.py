"""Any tensor, times noise shared along the axes asked for."""

from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from normdrop.errors import NoiseError

Along: TypeAlias = Literal["element", "channel", "sample"]
Kind: TypeAlias = Literal["bernoulli", "gaussian", "uniform"]

_AXES: dict[Along, int] = {"channel": 2, "sample": 1}


def check_along(along: Along) -> Along:
    """`along`, if it is one of the three words."""
    if along not in get_args(Along):
        raise NoiseError(f"along is 'element', 'channel' or 'sample', not {along!r}")
    return along


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
    if check_along(along) == "element":
        return x * _native_mask(torch.ones_like(x), kind, amount)
    return x * _native_mask(x.new_ones(_mask_shape(x, along)), kind, amount)


def _mask_shape(x: Tensor, along: Along) -> list[int]:
    """One mask value per sample or per channel, with axes of size 1 for the rest."""
    axes = _AXES[along]
    if x.ndim < axes:
        layout = "(N, C, ...)" if along == "channel" else "(N, ...)"
        raise NoiseError(
            f"along={along!r} needs an input of shape {layout}, but it has shape {tuple(x.shape)}"
        )
    return [*x.shape[:axes], *[1] * (x.ndim - axes)]


def _native_mask(ones: Tensor, kind: Kind, amount: float) -> Tensor:
    """A mask of the shape of `ones`, made with torch's own generators."""
    if kind == "bernoulli":
        return torch.nn.functional.dropout(ones, amount)
    if kind == "gaussian":
        return 1.0 + amount * torch.randn_like(ones)
    return 1.0 + amount * (2.0 * torch.rand_like(ones) - 1.0)
