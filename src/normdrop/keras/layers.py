"""Noise layers that Keras lacks, or has without the choice of what shares a mask value."""

from typing import Any, Literal, TypeAlias

import keras
from keras import ops

from normdrop.errors import NoiseError
from normdrop.values.noise import Along, Gaussian, Noise, Uniform, check_along

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


@keras.saving.register_keras_serializable("normdrop")
class GaussianDropout(NoiseLayer):
    """Multiplicative Gaussian noise with mean 1 and standard deviation √(rate/(1-rate)).

    It has the first two moments of dropout at that rate and no zeros (Srivastava et al. 2014,
    section 10). Keras' own layer of this name is the same noise per element.

    Args:
        rate: The dropout rate whose variance the noise has, in [0, 1).
        along: What shares one mask value: `"element"`, `"channel"` or `"sample"`.
        data_format: Where the channels are, for `along="channel"`.
        seed: Of the layer's generator.
        **kwargs: What every Keras layer takes.

    Raises:
        NoiseError: `rate` is out of range, or `along` is none of the three.

    >>> GaussianDropout(0.2).second_moment_factor
    1.25
    """

    def __init__(
        self,
        rate: float = 0.5,
        *,
        along: Along = "element",
        data_format: DataFormat | None = None,
        seed: int | None = None,
        **kwargs: Any,  # noqa: ANN401 - what Keras' own layer takes
    ) -> None:
        super().__init__(along=along, data_format=data_format, seed=seed, **kwargs)
        self.rate = Gaussian(rate).rate

    @property
    def noise(self) -> Gaussian:
        """The distribution of the mask."""
        return Gaussian(self.rate)

    def mask(self, shape: tuple[Any, ...]) -> Any:  # noqa: ANN401 - a tensor of the backend's
        """Draws from N(1, rate/(1-rate))."""
        return keras.random.normal(
            shape, mean=1.0, stddev=self.noise.deviation, dtype="float32", seed=self.seed_generator
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments that build this layer again."""
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable("normdrop")
class UniformDropout(NoiseLayer):
    """`x·(1+r)` with r ~ U(-beta, beta): noise that changes variances little.

    Li et al., CVPR 2019, section 5.2 (Uout): a norm layer directly behind it sees a shift of
    3/(3+beta²).

    Args:
        beta: Half-width of the noise, 0 or more.
        along: What shares one mask value: `"element"`, `"channel"` or `"sample"`.
        data_format: Where the channels are, for `along="channel"`.
        seed: Of the layer's generator.
        **kwargs: What every Keras layer takes.

    Raises:
        NoiseError: `beta` is negative or not finite, or `along` is none of the three.

    >>> round(UniformDropout(0.3).second_moment_factor, 6)
    1.03
    """

    def __init__(
        self,
        beta: float = 0.1,
        *,
        along: Along = "element",
        data_format: DataFormat | None = None,
        seed: int | None = None,
        **kwargs: Any,  # noqa: ANN401 - what Keras' own layer takes
    ) -> None:
        super().__init__(along=along, data_format=data_format, seed=seed, **kwargs)
        self.beta = Uniform(beta).beta

    @property
    def noise(self) -> Uniform:
        """The distribution of the mask."""
        return Uniform(self.beta)

    def mask(self, shape: tuple[Any, ...]) -> Any:  # noqa: ANN401 - a tensor of the backend's
        """Draws from U(1-beta, 1+beta)."""
        return keras.random.uniform(
            shape, 1.0 - self.beta, 1.0 + self.beta, dtype="float32", seed=self.seed_generator
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments that build this layer again."""
        return {**super().get_config(), "beta": self.beta}
