"""What is known about a tensor that depends on no input: a random mask, or one known number.

Hand-written stochastic depth, DropBlock and dropout draw a mask and shape it by arithmetic before
they multiply by it. The value of each step here is `scale * m + offset`, with a random m.
"""

import math
from dataclasses import dataclass, replace

from normdrop.shifts.graph import Along, Distribution, Noise


@dataclass(frozen=True, slots=True)
class Draw:
    """A tensor of values `scale * m + offset`.

    m is 1 with probability `amount`, else 0 (Bernoulli), standard normal (Gaussian), uniform in
    [0, 1] (uniform), or 0 when there is no distribution: a tensor of one known number, `offset`.

    Attributes:
        distribution: The distribution of m.
        amount: Probability of a Bernoulli m.
        scale: See above.
        offset: See above.
        shape: The shape that m was drawn in, before any expansion.
        block: Whether neighbouring values were made equal by pooling.
    """

    distribution: Distribution | None
    shape: tuple[int, ...]
    amount: float = math.nan
    scale: float = 1.0
    offset: float = 0.0
    block: bool = False

    @classmethod
    def unknown(cls, origin: "Draw", shape: tuple[int, ...]) -> "Draw":
        """Something random that was made from `origin` in a way that is not understood."""
        return cls(origin.distribution, shape, math.nan, math.nan, math.nan, block=origin.block)

    @property
    def known(self) -> float | None:
        """The number that every element is."""
        return self.offset if self.distribution is None else None

    @property
    def mean(self) -> float:
        """Expected value of an element."""
        if self.distribution is None:
            return self.offset
        centre = {Distribution.BERNOULLI: self.amount, Distribution.GAUSSIAN: 0.0}
        return self.scale * centre.get(self.distribution, 0.5) + self.offset

    def affine(self, scale: float, offset: float = 0.0) -> "Draw":
        """The draw of `scale * value + offset`; a mask is turned so that its scale is positive."""
        scale, offset = scale * self.scale, scale * self.offset + offset
        if self.distribution is Distribution.BERNOULLI and scale < 0:
            chance = 1 - self.amount
            return replace(self, amount=chance, scale=-scale, offset=offset + scale)
        return replace(self, scale=scale, offset=offset)

    def shaped(self, shape: tuple[int, ...]) -> "Draw":
        """The same values in another shape."""
        return replace(self, shape=shape)

    def floor(self) -> "Draw | None":
        """The draw of `floor(value)`, for a uniform one that spans at most one whole number."""
        if self.distribution is not Distribution.UNIFORM or math.isnan(self.scale):
            return None
        low, high = sorted((self.offset, self.offset + self.scale))
        step = math.floor(high) if high > math.floor(high) else high - 1
        if low < step - 1 or high > step + 1 or high == low:
            return None
        above = (high - max(step, low)) / (high - low)
        return Draw(Distribution.BERNOULLI, self.shape, above, offset=float(step - 1))

    def above(self, threshold: float) -> "Draw | None":
        """The draw of `value > threshold`."""
        if self.distribution is Distribution.UNIFORM and self.scale != 0:
            part = (threshold - self.offset) / self.scale
            chance = 1 - part if self.scale > 0 else part
        elif self.distribution is Distribution.GAUSSIAN and self.scale != 0:
            z = (threshold - self.offset) / abs(self.scale)
            chance = 0.5 * math.erfc(z / math.sqrt(2))
        elif self.distribution is Distribution.BERNOULLI:
            return self._two_valued_above(threshold)
        else:
            return None
        return Draw(
            Distribution.BERNOULLI, self.shape, min(1.0, max(0.0, chance)), block=self.block
        )

    def _two_valued_above(self, threshold: float) -> "Draw | None":
        """A mask compared with a number between its two values is the mask again, as 0 and 1."""
        if not self.offset <= threshold < self.offset + self.scale:
            return None
        return replace(self, scale=1.0, offset=0.0)

    def pooled(self, window: int, shape: tuple[int, ...]) -> "Draw | None":
        """The draw after max pooling over windows of so many elements, overlaps and all."""
        if self.distribution is not Distribution.BERNOULLI:
            return None
        chance = 1 - (1 - self.amount) ** window
        return replace(self, amount=chance, shape=shape, block=window > 1 or self.block)

    def noise(self, shape: tuple[int, ...]) -> Noise | None:
        """The noise that multiplying a tensor of this shape by these values is."""
        if self.distribution is not None and math.isnan(self.mean):
            return self._noise(shape, self.scale, rate=math.nan, spread=math.nan)
        if self.distribution is Distribution.BERNOULLI:
            return self._dropout(shape)
        if self.distribution is None or self.mean == 0:
            return None
        half = 0.5 if self.distribution is Distribution.UNIFORM else 1.0
        spread = abs(half * self.scale / self.mean)
        return self._noise(shape, self.mean, spread=spread)

    def _dropout(self, shape: tuple[int, ...]) -> Noise | None:
        """A mask is dropout when one of its two values is zero."""
        if math.isclose(self.offset, 0.0, abs_tol=1e-9):
            return self._noise(shape, self.scale, rate=1 - self.amount)
        if math.isclose(self.offset + self.scale, 0.0, abs_tol=1e-9):
            return self._noise(shape, self.offset, rate=self.amount)
        return None

    def _noise(
        self, shape: tuple[int, ...], scale: float, *, rate: float = 0.0, spread: float = 0.0
    ) -> Noise:
        assert self.distribution is not None  # noqa: S101 - both callers have looked
        along = Along.BLOCK if self.block else along_of(self.shape, shape)
        active = rate > 0 or spread > 0 or math.isnan(rate)
        return Noise(self.distribution, along, active, rate, spread, scale, mask_shape=self.shape)


def along_of(mask: tuple[int, ...], shape: tuple[int, ...]) -> Along:
    """What one value of a mask covers when it is broadcast to a tensor of this shape.

    >>> along_of((8, 64, 1, 1), (8, 64, 32, 32)).value
    'channel'
    >>> along_of((8, 1, 1, 1), (8, 64, 32, 32)).value
    'sample'
    """
    padded = (1,) * (len(shape) - len(mask)) + mask
    varied = [axis for axis, extent in enumerate(padded) if extent > 1]
    whole = [axis for axis, extent in enumerate(shape) if extent > 1]
    if varied == whole:
        return Along.ELEMENT
    inner = [axis for axis in varied if axis > 0]
    if not inner:
        return Along.SAMPLE
    if len(inner) == 1 and inner[0] in {1, len(shape) - 1}:
        return Along.CHANNEL
    return Along.BLOCK if 1 not in inner else Along.ELEMENT
