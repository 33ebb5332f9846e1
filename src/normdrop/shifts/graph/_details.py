"""What is particular to a node of each kind: one frozen value per kind.

Axes are counted from 0 and include the batch axis. Tuples over spatial axes run from the first
spatial axis to the last.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

_ALPHA = -1.7580993408473766
"""What alpha dropout sets dropped units to: -λα of SELU (Klambauer et al., 2017)."""


@dataclass(frozen=True, slots=True)
class Norm:
    """A normalization: `gamma * (x - mean) / sqrt(variance + eps) + beta`.

    Attributes:
        family: `"batch"`, `"instance"`, `"layer"`, `"group"`, `"rms"` or `"local response"`.
        carries_statistics: Whether running statistics are stored with the layer.
        uses_batch_statistics: Whether this call normalizes by the statistics of its own input.
        updates_statistics: Whether this call updates the running statistics.
        axes: The axes whose values share one mean and variance; for groups, within each group.
        eps: What is added to the variance.
        momentum: Weight of the new statistic in the running average; None is a cumulative average.
        groups: Number of channel groups of a group norm, else 1.
    """

    family: str
    carries_statistics: bool
    uses_batch_statistics: bool
    updates_statistics: bool
    axes: tuple[int, ...]
    eps: float
    momentum: float | None = None
    groups: int = 1


class Along(StrEnum):
    """What is kept or dropped together by one draw of a noise layer."""

    ELEMENT = "element"
    CHANNEL = "channel"
    SAMPLE = "sample"
    BLOCK = "block"
    """A contiguous region of a feature map, as in DropBlock."""


class Distribution(StrEnum):
    """The distribution of the multiplier a noise layer draws."""

    BERNOULLI = "bernoulli"
    GAUSSIAN = "gaussian"
    UNIFORM = "uniform"


@dataclass(frozen=True, slots=True)
class Noise:
    """Random noise: `scale * (x * m + fill * (1 - m)) + offset` with a random multiplier m.

    m is 1 with probability `1 - rate` and else 0 (Bernoulli), normal around 1 with deviation
    `spread` (Gaussian), or uniform in `[1 - spread, 1 + spread]` (uniform). What cannot be read
    from the model is nan. In a call that is not `active` the output is the input.

    Attributes:
        distribution: The distribution of m.
        along: What one draw of m covers.
        active: Whether this call draws at all: train mode, and not a rate or spread of 0.
        rate: The dropout rate of Bernoulli noise.
        spread: Deviation of Gaussian noise, half width of uniform noise.
        scale: `1 / (1 - rate)` for dropout that keeps the mean; alpha dropout has its own.
        fill: The value a dropped unit takes before scale and offset; 0 but for alpha dropout.
        offset: What is added after scaling; 0 but for alpha dropout.
        mask_shape: The shape of one draw of m, before it is broadcast to the input; empty when
            the framework does not show it.
        inside: What the noise acts on where it is not the input of the node itself: `"attention"`
            (the attention weights) or `"layers"` (between the layers of a recurrent stack).

    >>> dropout = Noise(Distribution.BERNOULLI, Along.ELEMENT, active=True, rate=0.5, scale=2.0)
    >>> dropout.mean, dropout.second_moment_factor
    (1.0, 2.0)
    """

    distribution: Distribution
    along: Along
    active: bool
    rate: float = 0.0
    spread: float = 0.0
    scale: float = 1.0
    fill: float = 0.0
    offset: float = 0.0
    mask_shape: tuple[int, ...] = ()
    inside: str = ""

    @classmethod
    def dropout(
        cls,
        rate: float,
        along: Along,
        *,
        active: bool,
        mask_shape: tuple[int, ...] = (),
        inside: str = "",
    ) -> "Noise":
        """Inverted dropout, which keeps the mean; at rate 1 nothing is left of the input."""
        return cls(
            Distribution.BERNOULLI,
            along,
            active=active and rate > 0,
            rate=rate,
            scale=1 / (1 - rate) if rate < 1 else 0.0,
            mask_shape=mask_shape,
            inside=inside,
        )

    @classmethod
    def alpha_dropout(
        cls, rate: float, along: Along, *, active: bool, mask_shape: tuple[int, ...] = ()
    ) -> "Noise":
        """Alpha dropout, which keeps mean 0 and variance 1 rather than the mean of its input."""
        scale = ((1 - rate) * (1 + rate * _ALPHA**2)) ** -0.5 if rate < 1 else math.nan
        return cls(
            Distribution.BERNOULLI,
            along,
            active=active and rate > 0,
            rate=rate,
            scale=scale,
            fill=_ALPHA,
            offset=-scale * _ALPHA * rate,
            mask_shape=mask_shape,
        )

    @property
    def mean(self) -> float:
        """Mean of the factor on x, `scale * m`: 1 when the noise keeps the mean."""
        if not self.active:
            return 1.0
        kept = 1 - self.rate if self.distribution is Distribution.BERNOULLI else 1.0
        return self.scale * kept

    @property
    def second_moment_factor(self) -> float:
        """Second moment of the factor on x, `E[(scale * m)²]`; 1 when inactive."""
        if not self.active:
            return 1.0
        if self.distribution is Distribution.BERNOULLI:
            return self.scale**2 * (1 - self.rate)
        variance = self.spread**2
        if self.distribution is Distribution.UNIFORM:
            variance /= 3
        return self.scale**2 * (1 + variance)


@dataclass(frozen=True, slots=True)
class Weight:
    """A linear map, with its parameters `weight` and (optional) `bias` on the node.

    Whatever the framework, `weight` is laid out as (out, in) for a linear map, (out, in / groups,
    *kernel) for a convolution, (in, out / groups, *kernel) for a transposed one, (entries, width)
    for an embedding and (out, in1, in2) for a bilinear map.

    Attributes:
        family: `"linear"`, `"convolution"`, `"transposed convolution"`, `"embedding"` or
            `"bilinear"`.
        kernel: Kernel size per spatial axis; empty without spatial axes, like the next ones.
        stride: Step per spatial axis.
        padding: Zeros before and after, per spatial axis. For a transposed convolution, what the
            framework calls padding: rows cut off.
        dilation: Spacing of the kernel per spatial axis.
        output_padding: Extra rows on one side of a transposed convolution.
        groups: Number of channel groups.
    """

    family: str
    kernel: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    padding: tuple[tuple[int, int], ...] = ()
    dilation: tuple[int, ...] = ()
    output_padding: tuple[int, ...] = ()
    groups: int = 1


@dataclass(frozen=True, slots=True)
class Activation:
    """An element-wise function without randomness, or a softmax.

    Attributes:
        name: The field's name in lower case: `"relu"`, `"leaky_relu"`, `"gelu"`, `"softmax"`.
        settings: Its constants by the names PyTorch gives them: `negative_slope`, `alpha`,
            `beta`, `threshold`, `approximate`, `min_val`, `max_val`, `exponent`; for a softmax,
            `axis`.
    """

    name: str
    settings: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pool:
    """A reduction over windows or over whole axes.

    Attributes:
        method: `"max"`, `"average"`, `"lp"`, `"sum"` or `"min"`.
        axes: The axes that are pooled over.
        kernel: Window per pooled axis; the whole extent for a global pool. An adaptive pool whose
            windows do not all have one size has the mean size, rounded up.
        stride: Step per pooled axis.
        padding: Padding before and after, per pooled axis.
        dilation: Spacing within the window per pooled axis.
        ceil_mode: Whether a last partial window is kept.
        count_include_pad: Whether padding counts in an average.
        power: The exponent of an Lp pool.
    """

    method: str
    axes: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    ceil_mode: bool = False
    count_include_pad: bool = True
    power: float = 1.0


@dataclass(frozen=True, slots=True)
class Resample:
    """A change of resolution by interpolation.

    Attributes:
        method: `"nearest"`, `"linear"`, `"bilinear"`, `"bicubic"`, `"trilinear"` or `"area"`.
        axes: The axes whose extent changes.
    """

    method: str
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum over inputs of `coefficients[i] * inputs[i]`, plus `constant`."""

    coefficients: tuple[float, ...]
    constant: float = 0.0


@dataclass(frozen=True, slots=True)
class Product:
    """`constant` times the product over inputs of `inputs[i] ** exponents[i]`."""

    exponents: tuple[float, ...]
    constant: float = 1.0


@dataclass(frozen=True, slots=True)
class Matmul:
    """A matrix product of inputs that both depend on the data.

    Attributes:
        equation: The Einstein summation, where it was written as one.
    """

    equation: str = ""


@dataclass(frozen=True, slots=True)
class Attention:
    """`softmax(q kᵀ / sqrt(d)) v`; inputs are query, key, value and, if given, a mask.

    Attributes:
        noise: Dropout of the attention weights.
    """

    noise: Noise


@dataclass(frozen=True, slots=True)
class Recurrent:
    """A stack of recurrent layers.

    Attributes:
        cell: `"lstm"`, `"gru"` or `"rnn"`.
        noise: Dropout between its layers.
    """

    cell: str
    noise: Noise


@dataclass(frozen=True, slots=True)
class Concatenate:
    """Inputs side by side.

    Attributes:
        axis: The axis along which they stand in the output.
        new_axis: Whether that axis is new (a stack).
    """

    axis: int
    new_axis: bool = False


@dataclass(frozen=True, slots=True)
class Reshape:
    """The input's own values, rearranged, selected, repeated or padded.

    Attributes:
        how: `"view"` (same order in memory; flatten, squeeze and unsqueeze too), `"permute"`,
            `"slice"` (a part along axes), `"select"` (any other choice of elements), `"pad"`,
            `"repeat"` (expand too), `"reorder"` (flip, roll, shuffles) or `"copy"` (clone,
            contiguous, a change of dtype).
        permutation: For `"permute"`: which input axis each output axis is.
        slices: For `"slice"`: start, stop and step for every input axis.
        padding: For `"pad"`: added before and after, for every axis.
        value: For `"pad"`: what is added; nan where it repeats or mirrors the input.
    """

    how: str
    permutation: tuple[int, ...] = ()
    slices: tuple[tuple[int, int, int], ...] = ()
    padding: tuple[tuple[int, int], ...] = ()
    value: float = 0.0


Details = (
    Norm
    | Noise
    | Weight
    | Activation
    | Pool
    | Resample
    | Sum
    | Product
    | Matmul
    | Attention
    | Recurrent
    | Concatenate
    | Reshape
)
