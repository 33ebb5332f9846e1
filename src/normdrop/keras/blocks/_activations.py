"""`act`: activations by name or function."""

from collections.abc import Callable
from typing import Any

import keras

from normdrop.errors import UsageError
from normdrop.keras.blocks._settings import Activation, Site
from normdrop.values import operations
from normdrop.values.order import ACTIVATIONS


@keras.saving.register_keras_serializable("normdrop")
class _SharedPReLU(keras.layers.PReLU):
    """PReLU with one slope for all units, a quarter at first, as He et al. (2015) begin."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - what Keras' own layer takes
        super().__init__(**{"alpha_initializer": keras.initializers.Constant(0.25), **kwargs})

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the slope."""
        self.shared_axes = list(range(1, len(input_shape)))
        super().build(input_shape)


# What is more than a function by its name. Where Keras' defaults differ from torch's, these are
# torch's, so that an order means the same in both.
LAYERS: dict[str, Callable[..., keras.layers.Layer]] = {
    "leaky_relu": lambda **kwargs: keras.layers.LeakyReLU(negative_slope=0.01, **kwargs),
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
