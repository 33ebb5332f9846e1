"""What the noise layers share."""

from typing import Any, Literal, TypeAlias

import keras
from keras import ops

from normdrop.errors import NoiseError
from normdrop.values.noise import Along, Noise, check_along

DataFormat: TypeAlias = Literal["channels_last", "channels_first"]


class NoiseLayer(keras.layers.Layer):
    """A layer that multiplies its input by noise in training and passes it on in inference.

    A new noise layer derives from this class, says what its `noise` is, and draws a mask.

    Args:
        along: What shares one mask value: nothing (`"element"`), the positions of one channel of
            one sample (`"channel"`), a whole sample (`"sample"`).
        data_format: Where the channels are, for `along="channel"`; Keras' own setting if left out.
        seed: Of the layer's `keras.random.SeedGenerator`.
        **kwargs: What every Keras layer takes, such as `name` and `dtype`.

    Raises:
        NoiseError: `along` is none of the three.
    """

    def __init__(
        self,
        *,
        along: Along = "element",
        data_format: DataFormat | None = None,
        seed: int | None = None,
        **kwargs: Any,  # noqa: ANN401 - what Keras' own layer takes
    ) -> None:
        super().__init__(**kwargs)
        self.along = check_along(along)
        self.data_format = keras.config.image_data_format() if data_format is None else data_format
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    @property
    def noise(self) -> Noise:
        """The distribution of the mask, from the layer's current parameters."""
        raise NotImplementedError

    @property
    def second_moment_factor(self) -> float:
        """E[m²] of the mask m: what training multiplies the second moment of the input by."""
        return self.noise.second_moment_factor

    def mask(self, shape: tuple[Any, ...]) -> Any:  # noqa: ANN401 - a tensor of the backend's
        """Fresh mask values of a shape, float32."""
        raise NotImplementedError

    def call(self, inputs: Any, training: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - Keras calls it so
        """`inputs` times a fresh mask in training, `inputs` else; of the same shape and dtype."""
        if not training or self.second_moment_factor == 1.0:
            return inputs
        mask = self.mask(self._mask_shape(inputs))
        # The product is rounded once, to the type that came in.
        return ops.cast(ops.cast(inputs, mask.dtype) * mask, inputs.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments that build this layer again."""
        return {
            **super().get_config(),
            "along": self.along,
            "data_format": self.data_format,
            "seed": self.seed,
        }

    def _mask_shape(self, inputs: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a tensor
        """One mask value per element, channel or sample, with axes of size 1 for the rest."""
        shape = tuple(ops.shape(inputs))
        axes = {"element": len(shape), "channel": 2, "sample": 1}[self.along]
        if len(shape) < min(axes, 2):
            raise NoiseError(
                f"along={self.along!r} needs an input with a batch axis and channels, but it has "
                f"shape {inputs.shape}"
            )
        if self.along == "element":
            return shape
        channel = (len(shape) - 1 if self.data_format == "channels_last" else 1) * (axes == 2)  # noqa: PLR2004 - per channel
        return tuple(size if axis in {0, channel} else 1 for axis, size in enumerate(shape))
