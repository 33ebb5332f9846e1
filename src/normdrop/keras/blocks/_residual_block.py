"""A residual block with dropout where it belongs."""

from dataclasses import replace
from typing import Any

import keras

from normdrop.keras.blocks._chain import (
    Compound,
    Shape,
    apply_all,
    build_all,
    entering_channels,
    shape_after,
    written,
)
from normdrop.keras.blocks._layers import build, is_silent, make_activation, make_noise
from normdrop.keras.blocks._settings import Activation, Noise, Settings, check_data_format
from normdrop.keras.layers import DataFormat
from normdrop.values.blocks import (
    ResidualPlan,
    Size,
    WeightShape,
    among,
    check_count,
    residual_stride,
)
from normdrop.values.noise import Along
from normdrop.values.order import ResidualPosition, ResidualStyle


@keras.saving.register_keras_serializable("normdrop")
class ResidualBlock(Compound):
    """A residual block whose dropout stands between its last norm and its last weight.

    There it reaches no norm of the branch, and a norm of a later block only through the sum with
    the trunk (guideline 1 of Kim et al., UAI 2023). The paper's other positions, P0 to P7, can be
    chosen; `normdrop.torch.ResidualBlock` has their table.

    A branch is, pre-activation, norm, activation, weight, as often as it has weights;
    post-activation, weight, norm, activation, the last activation after the sum. A basic branch has
    two convolutions of `kernel_size`. A bottleneck has three: 1 to the channels inside,
    `kernel_size`, 1 back. Where the shape changes, the trunk passes a convolution of kernel size 1,
    with a batch norm in post-activation; it starts at the trunk itself, so that of all positions
    only P0 reaches it.

    Args:
        filters: Channels of the output; those of the input if left out.
        dropout: A rate, or a noise layer, whose like is made; 0 for none.
        position: Where dropout goes, `"P0"` to `"P7"`.
        style: `"pre"` or `"post"` activation.
        bottleneck: Whether the branch is a bottleneck with a quarter of the filters inside; or how
            many filters it has inside.
        strides: Of the first convolution of `kernel_size` and of the shortcut.
        dimensions: 1, 2 or 3 axes of positions; 0 for vectors and dense layers.
        kernel_size: Of the convolutions.
        dilation_rate: Of the convolutions of `kernel_size`.
        groups: Of the convolutions of `kernel_size`.
        use_bias: Whether weights have a bias; if left out, as their place in the branch demands,
            which is none but for the last one in pre-activation style.
        activation: A name or a function.
        along: What shares one value of the noise: `"element"`, `"channel"` or `"sample"`.
        epsilon: Of every batch norm.
        momentum: Of every batch norm, as Keras has it: the share of the old statistics.
        data_format: `"channels_last"` or `"channels_first"`; Keras' own setting if left out.
        seed: Of the noise.
        **kwargs: What every Keras layer takes, such as `name` and `dtype`.

    Raises:
        UsageError: If an argument does not fit, or the branch has no such position.

    Example:
        >>> block = ResidualBlock(32, dropout=0.2, strides=2)
        >>> block.build((None, 8, 8, 16))
        >>> str(block.order)
        'bn-act-conv-bn-drop-act-conv'
        >>> block.compute_output_shape((None, 8, 8, 16))
        (None, 4, 4, 32)
    """

    def __init__(
        self,
        filters: int | None = None,
        *,
        dropout: Noise = 0.0,
        position: ResidualPosition = "P5",
        style: ResidualStyle = "pre",
        bottleneck: bool | int = False,
        strides: Size = 1,
        dimensions: int = 2,
        kernel_size: Size = 3,
        dilation_rate: Size = 1,
        groups: int = 1,
        use_bias: bool | None = None,
        activation: Activation = "relu",
        along: Along = "element",
        epsilon: float = 1e-3,
        momentum: float = 0.99,
        data_format: DataFormat | None = None,
        seed: int | None = None,
        **kwargs: Any,  # noqa: ANN401 - what Keras' own layer takes
    ) -> None:
        data_format = check_data_format(data_format)
        super().__init__(written(ResidualBlock, locals()), **kwargs)
        self.filters = None if filters is None else check_count("filters", filters)
        self.style = style
        self.wide = WeightShape(
            self.filters or 1,
            kernel_size,
            residual_stride("strides", strides, dimensions),
            dilation=dilation_rate,
            groups=groups,
            bias=use_bias,
        )
        self.settings = among(Settings, locals(), dtype=self.dtype_policy)
        self.plan = among(
            ResidualPlan, locals(), noisy=not is_silent(dropout), channels_word="filters"
        )
        self.order = self.plan.order
        self.trunk: list[keras.layers.Layer] = []
        self.branch: list[keras.layers.Layer] = []
        self.shortcut: list[keras.layers.Layer] = []
        self.end: list[keras.layers.Layer] = []

    def build(self, input_shape: Shape) -> None:
        """Make and build the layers."""
        settings = self.settings
        channels = entering_channels(input_shape, settings)
        wide = replace(self.wide, out_channels=self.filters or channels)
        if self.plan.on_trunk:
            self.trunk = [make_noise(settings.dropout, settings, "trunk")]
        self.branch = build(self.plan.branch(channels, wide, settings))
        # No two variables of a layer may have one path, so the shortcut's have names of their own.
        self.shortcut = build(self.plan.shortcut(channels, wide, settings, prefix="shortcut_"))
        if self.style == "post":
            self.end = [make_activation(settings.activation, name="end", dtype=settings.dtype)]
        build_all(self.trunk, input_shape)
        build_all(self.shortcut, input_shape)
        build_all(self.end, build_all(self.branch, input_shape))
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: ANN401, FBT001 - Keras calls it so
        """The sum of branch and trunk, through the activation in post-activation style."""
        del training  # as in a chain of layers
        trunk = apply_all(self.trunk, inputs)
        total = apply_all(self.branch, trunk) + apply_all(self.shortcut, trunk)
        return apply_all(self.end, total)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the sum."""
        if not self.built:
            self.build(input_shape)
        return shape_after(self.branch, input_shape)
