"""Layers one after the other, made when the shape of the input is known."""

from collections.abc import Sequence
from typing import Any

import keras

Shape = tuple[int | None, ...]


class Chain(keras.layers.Layer):
    """A layer made of others, which are built from the input's shape.

    Attributes:
        parts: The layers, once the chain is built.
    """

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - what Keras' own layer takes
        super().__init__(**kwargs)
        self.parts: Sequence[keras.layers.Layer] = ()

    def make_parts(self, input_shape: Shape) -> Sequence[keras.layers.Layer]:
        """The layers for inputs of a shape."""
        raise NotImplementedError

    def build(self, input_shape: Shape) -> None:
        """Make and build the layers."""
        self.parts = list(self.make_parts(input_shape))
        build_all(self.parts, input_shape)
        self.built = True

    def call(self, inputs: Any) -> Any:  # noqa: ANN401 - tensors of the backend's
        """The inputs through all layers; training reaches them through Keras' call context."""
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
