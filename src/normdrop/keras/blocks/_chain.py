"""Layers made of others, which are made when the shape of the input is known."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Self

import keras

from normdrop.errors import UsageError
from normdrop.keras.blocks._settings import Settings

Shape = tuple[int | None, ...]


class Compound(keras.layers.Layer):
    """A layer that is saved as the arguments of its constructor.

    Args:
        config: These arguments, as `written` gives them.
        **kwargs: What every Keras layer takes.
    """

    def __init__(self, config: dict[str, Any], **kwargs: Any) -> None:  # noqa: ANN401 - what Keras' own layer takes
        super().__init__(**kwargs)
        self._config = config

    def get_config(self) -> dict[str, Any]:
        """The arguments that build this layer again."""
        return {**super().get_config(), **self._config}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The layer a configuration describes; only classes that Keras knows are built."""
        return cls(**{name: _read(value) for name, value in config.items()})


class Chain(Compound):
    """A layer made of others in a row, which are built from the input's shape.

    Attributes:
        parts: The layers, once the chain is built.
    """

    def __init__(self, config: dict[str, Any], **kwargs: Any) -> None:  # noqa: ANN401 - what Keras' own layer takes
        super().__init__(config, **kwargs)
        self.parts: Sequence[keras.layers.Layer] = ()

    def make_parts(self, input_shape: Shape) -> Sequence[keras.layers.Layer]:
        """The layers for inputs of a shape."""
        raise NotImplementedError

    def build(self, input_shape: Shape) -> None:
        """Make and build the layers."""
        self.parts = list(self.make_parts(input_shape))
        build_all(self.parts, input_shape)
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: ANN401, FBT001 - Keras calls it so
        """The inputs through all layers; training reaches them through Keras' call context."""
        del training  # Keras before 3.10 notes it only where a layer takes it
        return apply_all(self.parts, inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape after the last layer."""
        parts = self.parts or self.make_parts(input_shape)
        return shape_after(parts, input_shape)


def build_all(parts: Sequence[keras.layers.Layer], shape: Shape) -> Shape:
    """Build each layer for what the one before it hands on; the shape after the last."""
    for part in parts:
        if not part.built:
            part.build(shape)
        shape = part.compute_output_shape(shape)
    return shape


def shape_after(parts: Sequence[keras.layers.Layer], shape: Shape) -> Shape:
    """The shape after the last layer."""
    for part in parts:
        shape = part.compute_output_shape(shape)
    return shape


def apply_all(parts: Sequence[keras.layers.Layer], inputs: Any) -> Any:  # noqa: ANN401 - tensors
    """The inputs through all layers."""
    for part in parts:
        inputs = part(inputs)
    return inputs


def entering_channels(shape: Shape, settings: Settings) -> int:
    """How many channels inputs of a shape have.

    Raises:
        UsageError: If the shape does not say.
    """
    channels = shape[settings.channel_axis]
    if channels is None:
        raise UsageError(f"the channels of inputs of shape {shape} must be known")
    return channels


def written(cls: type, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a constructor's own, as they go into `get_config`.

    Layers and functions among them stand there as Keras writes them.
    """
    names = [
        name
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD
    ]
    return {name: _written(arguments[name]) for name in names}


def _written(value: Any) -> Any:  # noqa: ANN401 - an argument
    if isinstance(value, keras.layers.Layer) or callable(value):
        return keras.saving.serialize_keras_object(value)
    return list(value) if isinstance(value, tuple) else value


def _read(value: Any) -> Any:  # noqa: ANN401 - an argument
    if isinstance(value, dict) and "class_name" in value:
        return keras.saving.deserialize_keras_object(value)
    return value
