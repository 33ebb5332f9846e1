"""`drop`, `gaussian` and `uniform`."""

from typing import Any

import keras

from normdrop.errors import UsageError
from normdrop.keras.blocks._settings import Noise, Settings, Site
from normdrop.keras.layers import GaussianDropout, UniformDropout
from normdrop.values.noise import Bernoulli


def drop(site: Site) -> keras.layers.Layer:
    """Dropout at the token's rate, or whatever noise the block was given as `dropout`."""
    argument, settings = site.token.argument, site.settings
    noise = argument if isinstance(argument, float) else settings.dropout
    return make_noise(noise, settings, site.name)


def gaussian(site: Site) -> keras.layers.Layer:
    """Gaussian dropout at the token's rate, or at the block's.

    Raises:
        UsageError: If neither the token nor the block states a rate.
    """
    argument, settings = site.token.argument, site.settings
    rate = argument if isinstance(argument, float) else settings.dropout
    if isinstance(rate, keras.layers.Layer):
        raise UsageError(
            f"order {str(site.order)!r}: 'gaussian' takes its rate from dropout, which is the "
            f"layer {rate.name!r} here; write gaussian(0.2), say"
        )
    return GaussianDropout(rate, **_common(settings, site.name))


def uniform(site: Site) -> keras.layers.Layer:
    """Uniform dropout of the token's beta, or of the block's."""
    argument, settings = site.token.argument, site.settings
    beta = argument if isinstance(argument, float) else settings.beta
    return UniformDropout(beta, **_common(settings, site.name))


def make_noise(noise: Noise, settings: Settings, name: str) -> keras.layers.Layer:
    """Keras' own dropout at a rate, or a new layer like the noise layer given instead."""
    if isinstance(noise, keras.layers.Layer):
        config = {**noise.get_config(), "name": name, "dtype": settings.dtype}
        layer: keras.layers.Layer = type(noise).from_config(config)
        return layer
    rate = Bernoulli(noise).rate
    shape = noise_shape(settings)
    return keras.layers.Dropout(
        rate, noise_shape=shape, seed=settings.seed, name=name, dtype=settings.dtype
    )


def noise_shape(settings: Settings) -> tuple[int | None, ...] | None:
    """Which axes of an input share one mask value, as Keras' dropout takes it."""
    axes = settings.dimensions + 2
    match settings.along:
        case "element":
            return None
        case "channel":
            kept = {0, settings.channel_axis % axes}
        case "sample":
            kept = {0}
    return tuple(None if axis in kept else 1 for axis in range(axes))


def is_silent(noise: Noise) -> bool:
    """Whether this is dropout at rate 0, which needs no layer."""
    return not isinstance(noise, keras.layers.Layer) and noise == 0


def _common(settings: Settings, name: str) -> dict[str, Any]:
    return {
        "along": settings.along,
        "data_format": settings.data_format if settings.dimensions else "channels_last",
        "seed": settings.seed,
        "name": name,
        "dtype": settings.dtype,
    }
