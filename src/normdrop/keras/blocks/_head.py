"""The end of a network, with dropout where it belongs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras

from normdrop.keras.blocks._chain import Chain, Shape, entering_channels, written
from normdrop.keras.blocks._layers import build, global_average_pool, is_silent
from normdrop.keras.blocks._settings import Activation, Noise, Settings, check_data_format
from normdrop.keras.layers import DataFormat
from normdrop.values.blocks import HeadPlan, among
from normdrop.values.noise import Along
from normdrop.values.order import HeadPosition


@keras.saving.register_keras_serializable("normdrop")
class Head(Chain):
    """Global average pooling and a dense layer, with dropout before the pooling.

    There the mean over positions averages the noise away while no norm follows (guideline 2 of
    Kim et al., UAI 2023). The paper's other positions can be chosen:

    H1 – [1×1 convolution] – H2 – [norm] – H3 – [activation] – **H4** – [global average pooling] –
    H5 – [dense] – H6

    What precedes the pooling depends on where the backbone ends, so it is optional: a
    pre-activation backbone needs `norm=True, activation="relu"`, MobileNetV2 all three.

    Args:
        classes: Features of the output.
        hidden: Channels of a convolution of kernel size 1; left out, there is none.
        norm: Whether there is a batch norm.
        activation: A name or a function; left out, there is none.
        dropout: A rate, or a noise layer, whose like is made; 0 for none.
        position: `"before-pool"`, which is H4, `"after-pool"`, which is H5, or `"H1"` to `"H6"`.
        dimensions: 1, 2 or 3 axes of positions.
        along: What shares one value of the noise: `"element"`, `"channel"` or `"sample"`.
        epsilon: Of the batch norm.
        momentum: Of the batch norm, as Keras has it: the share of the old statistics.
        data_format: `"channels_last"` or `"channels_first"`; Keras' own setting if left out.
        seed: Of the noise.
        **kwargs: What every Keras layer takes, such as `name` and `dtype`.

    Raises:
        UsageError: If an argument does not fit.

    Example:
        >>> head = Head(10, dropout=0.5)
        >>> head.build((None, 4, 4, 64))
        >>> [layer.name for layer in head.parts]
        ['drop', 'pool', 'linear']
        >>> head.compute_output_shape((None, 4, 4, 64))
        (None, 10)
    """

    def __init__(
        self,
        classes: int,
        *,
        hidden: int | None = None,
        norm: bool = False,
        activation: Activation | None = None,
        dropout: Noise = 0.0,
        position: HeadPosition = "before-pool",
        dimensions: int = 2,
        along: Along = "element",
        epsilon: float = 1e-3,
        momentum: float = 0.99,
        data_format: DataFormat | None = None,
        seed: int | None = None,
        **kwargs: Any,  # noqa: ANN401 - what Keras' own layer takes
    ) -> None:
        data_format = check_data_format(data_format)
        super().__init__(written(Head, locals()), **kwargs)
        self.plan = among(
            HeadPlan, locals(), activation=activation is not None, noisy=not is_silent(dropout)
        )
        self.settings = among(
            Settings,
            locals(),
            activation="relu" if activation is None else activation,
            dtype=self.dtype_policy,
        )

    def make_parts(self, input_shape: Shape) -> Sequence[keras.layers.Layer]:
        """The layers for inputs of a shape."""
        settings = self.settings
        channels = entering_channels(input_shape, settings)
        return [
            *build(self.plan.before_pool(channels, settings)),
            global_average_pool(settings.dimensions, settings.data_format, "pool"),
            *build(self.plan.after_pool(channels, replace(settings, dimensions=0))),
        ]
