"""The layers of each token: weights, norms, activations, noise and pooling.

A new token has its function in `PARTS`.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import keras
from keras import ops

from normdrop.errors import UsageError
from normdrop.keras import layers
from normdrop.keras.blocks._settings import Activation, Noise, Settings, Site
from normdrop.values import operations
from normdrop.values.noise import Bernoulli
from normdrop.values.operations import NOISES, NoiseOperation
from normdrop.values.order import ACTIVATIONS, group_count

_CONV = {1: "Conv1D", 2: "Conv2D", 3: "Conv3D"}


def conv(site: Site) -> keras.layers.Layer:
    """A convolution."""
    weight, settings = site.weight, site.settings
    layer: keras.layers.Layer = getattr(keras.layers, _CONV[settings.dimensions])(
        weight.out_channels,
        weight.kernel_size,
        strides=weight.stride,
        padding=weight.padding,
        dilation_rate=weight.dilation,
        groups=weight.groups,
        use_bias=site.bias,
        data_format=settings.data_format,
        name=site.name,
        dtype=settings.dtype,
    )
    return layer


def linear(site: Site) -> keras.layers.Layer:
    """A dense layer."""
    return keras.layers.Dense(
        site.weight.out_channels,
        use_bias=site.bias,
        name=site.name,
        dtype=site.settings.dtype,
    )


@keras.saving.register_keras_serializable("normdrop")
class ChannelLayerNormalization(keras.layers.LayerNormalization):
    """Layer norm over the channels of `(N, C, ...)`, at each position on its own."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make a scale and a shift for each channel."""
        super().build((input_shape[0], *input_shape[2:], input_shape[1]))

    def call(self, inputs: Any) -> Any:  # noqa: ANN401 - tensors of the backend's
        """Normalised `inputs`, of their shape."""
        return ops.moveaxis(super().call(ops.moveaxis(inputs, 1, -1)), -1, 1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's shape."""
        return input_shape


def _norm_settings(site: Site) -> dict[str, Any]:
    settings = site.settings
    return {
        "epsilon": settings.epsilon,
        "center": settings.affine,
        "scale": settings.affine,
        "name": site.name,
        "dtype": settings.dtype,
    }


def batch_norm(site: Site) -> keras.layers.Layer:
    """Batch norm over the batch and all positions."""
    settings = site.settings
    return keras.layers.BatchNormalization(
        axis=settings.channel_axis,
        momentum=settings.momentum,
        **_norm_settings(site),
    )


def group_norm(site: Site) -> keras.layers.Layer:
    """Group norm.

    Raises:
        OrderError: If the number of groups does not divide the channels.
    """
    settings = site.settings
    groups = group_count(site.order, site.token, site.channels)
    return keras.layers.GroupNormalization(
        groups,
        axis=settings.channel_axis,
        **_norm_settings(site),
    )


def layer_norm(site: Site) -> keras.layers.Layer:
    """Layer norm over the channels."""
    settings = site.settings
    # Keras' own layer norm raises on the torch backend if its axis is not the last.
    kind = keras.layers.LayerNormalization
    if settings.channel_axis != -1:
        kind = ChannelLayerNormalization
    return kind(
        **_norm_settings(site),
    )


@keras.saving.register_keras_serializable("normdrop")
class _SharedPReLU(keras.layers.PReLU):
    """PReLU with one slope for all units, a quarter at first, as He et al. (2015) begin."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - what Keras' own layer takes
        super().__init__(**{"alpha_initializer": keras.initializers.Constant(0.25), **kwargs})

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.shared_axes = list(range(1, len(input_shape)))
        super().build(input_shape)


# What is more than a function by its name. Where Keras' defaults differ from torch's, these are
# torch's, so that an order means the same in both.
LAYERS: dict[str, Callable[..., keras.layers.Layer]] = {
    **{
        name: partial(
            getattr(keras.layers, each.keras_layers[0]),
            **{constant: each.constants[constant] for constant in each.keras_constants},
        )
        for name, each in operations.ACTIVATIONS.items()
        if each.in_order and each.keras_constants
    },
    "prelu": _SharedPReLU,
}


def activation(site: Site) -> keras.layers.Layer:
    """The activation the token names, or the block's."""
    argument = site.token.argument
    chosen = argument if isinstance(argument, str) else site.settings.activation
    return make_activation(chosen, name=site.name, dtype=site.settings.dtype)


def make_activation(activation: Activation, **kwargs: Any) -> keras.layers.Layer:  # noqa: ANN401 - name and dtype
    """A new activation layer.

    Raises:
        UsageError: If it is an unknown name or no function.
    """
    if isinstance(activation, str) and activation in LAYERS:
        return LAYERS[activation](**kwargs)
    known = callable(activation) or activation in ACTIVATIONS
    if not known or isinstance(activation, keras.layers.Layer):
        raise UsageError(
            f"activation={activation!r} must be one of {', '.join(ACTIVATIONS)}, or a function of "
            "a tensor, such as keras.activations.relu"
        )
    if isinstance(activation, str):
        activation = operations.ACTIVATIONS[activation].keras[0]
    return keras.layers.Activation(activation, **kwargs)


def drop(site: Site) -> keras.layers.Layer:
    """Dropout at the token's rate, or whatever noise the block was given as `dropout`."""
    argument, settings = site.token.argument, site.settings
    noise = argument if isinstance(argument, float) else settings.dropout
    return make_noise(noise, settings, site.name)


def _own_noise(noise: NoiseOperation, site: Site) -> keras.layers.Layer:
    """A noise layer of this library, of the token's strength or the block's.

    Raises:
        UsageError: If neither the token nor the block states a rate.
    """
    argument, settings = site.token.argument, site.settings
    usual = settings.dropout if noise.strength[1] == "rate" else settings.beta
    strength = argument if isinstance(argument, float) else usual
    if isinstance(strength, keras.layers.Layer):
        raise UsageError(
            f"order {str(site.order)!r}: {noise.in_order!r} takes its rate from dropout, which is "
            f"the layer {strength.name!r} here; write {noise.in_order}(0.2), say"
        )
    made: keras.layers.Layer = getattr(layers, noise.own)(
        strength,
        along=settings.along,
        data_format=settings.data_format if settings.dimensions else "channels_last",
        seed=settings.seed,
        name=site.name,
        dtype=settings.dtype,
    )
    return made


OWN_NOISES = {noise.in_order: partial(_own_noise, noise) for noise in NOISES if noise.own}
"""What makes the noise layers of this library, by token."""


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


_MAX = {1: "MaxPooling1D", 2: "MaxPooling2D", 3: "MaxPooling3D"}
_AVERAGE = {1: "AveragePooling1D", 2: "AveragePooling2D", 3: "AveragePooling3D"}
_GLOBAL = {1: "GlobalAveragePooling1D", 2: "GlobalAveragePooling2D", 3: "GlobalAveragePooling3D"}


def pool(site: Site) -> keras.layers.Layer:
    """Max pooling, or average pooling for `pool(avg)`."""
    settings = site.settings
    kind = (_MAX if site.token.is_max_pool else _AVERAGE)[settings.dimensions]
    layer: keras.layers.Layer = getattr(keras.layers, kind)(
        settings.pool_size,
        strides=settings.pool_strides,
        data_format=settings.data_format,
        name=site.name,
        dtype=settings.dtype,
    )
    return layer


def global_average_pool(dimensions: int, data_format: str, name: str) -> keras.layers.Layer:
    """The mean over all positions: `(N, C)`."""
    layer: keras.layers.Layer = getattr(keras.layers, _GLOBAL[dimensions])(
        data_format=data_format, name=name
    )
    return layer


PARTS: dict[str, Callable[[Site], keras.layers.Layer]] = {
    "conv": conv,
    "linear": linear,
    "bn": batch_norm,
    "gn": group_norm,
    "ln": layer_norm,
    "act": activation,
    "drop": drop,
    **OWN_NOISES,
    "pool": pool,
}


def build(sites: Iterable[Site]) -> list[keras.layers.Layer]:
    """A layer for each site, of its name.

    Raises:
        OrderError: If an order does not build in that many channels.
        UsageError: If a setting does not fit.
    """
    return [PARTS[site.token.name](site) for site in sites]
