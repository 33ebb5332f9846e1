"""Uniform dropout, Uout."""

from typing import Any

import keras

from normdrop.keras.layers._noise_layer import DataFormat, NoiseLayer
from normdrop.values.noise import Along, Uniform


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
