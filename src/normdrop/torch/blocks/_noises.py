"""`drop`, `gaussian` and `uniform`."""

from copy import deepcopy

from torch import nn

from normdrop.errors import UsageError
from normdrop.torch.blocks._settings import Noise, Site
from normdrop.torch.layers import Dropout, GaussianDropout, UniformDropout
from normdrop.values.noise import Along


def drop(site: Site) -> nn.Module:
    """Dropout at the token's rate, or whatever noise the block was given as `dropout`."""
    argument, settings = site.token.argument, site.settings
    noise = argument if isinstance(argument, float) else settings.dropout
    return make_noise(noise, settings.along)


def gaussian(site: Site) -> nn.Module:
    """Gaussian dropout at the token's rate, or at the block's.

    Raises:
        UsageError: If neither the token nor the block states a rate.
    """
    argument, settings = site.token.argument, site.settings
    rate = argument if isinstance(argument, float) else settings.dropout
    if isinstance(rate, nn.Module):
        raise UsageError(
            f"order {str(site.order)!r}: 'gaussian' takes its rate from dropout, which is the "
            f"layer {rate!r} here; write gaussian(0.2), say"
        )
    return GaussianDropout(rate, along=settings.along)


def uniform(site: Site) -> nn.Module:
    """Uniform dropout of the token's beta, or of the block's."""
    argument, settings = site.token.argument, site.settings
    beta = argument if isinstance(argument, float) else settings.beta
    return UniformDropout(beta, along=settings.along)


def make_noise(noise: Noise, along: Along) -> nn.Module:
    """Dropout at a rate, or a copy of the noise layer given instead."""
    return deepcopy(noise) if isinstance(noise, nn.Module) else Dropout(noise, along=along)


def is_silent(noise: Noise) -> bool:
    """Whether this is dropout at rate 0, which needs no layer."""
    return not isinstance(noise, nn.Module) and noise == 0
