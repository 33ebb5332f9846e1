"""Gaussian dropout."""

from typing import Any

import keras

from normdrop.keras.layers._noise_layer import DataFormat, NoiseLayer
from normdrop.values.noise import Along, Gaussian


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
