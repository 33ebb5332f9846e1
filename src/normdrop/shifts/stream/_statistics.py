"""The mean and variance per channel of everything that reached a norm layer, batch after batch."""

from dataclasses import dataclass

import numpy as np

from normdrop.shifts.stream._stored import Array


@dataclass(frozen=True)
class Seen:
    """Statistics of many batches, by the law of total variance; float64.

    Attributes:
        count: Values per channel.
        batches: Calls of the layer they came in: batches, unless a batch calls it twice.
        mean: Mean per channel, shape (channels,).
        within: Mean of the batches' biased variances, weighted by their size.
        between: Biased variance of the batches' means, weighted likewise.
        spread: Biased variance, over batches, of the variance averaged over channels: how far a
            single batch's word is to be trusted.
        pooled: Whether `between` counts: not for a layer that normalises every sample by itself,
            whose statistics are plain averages.
    """

    count: float
    batches: int
    mean: Array
    within: Array
    between: Array
    spread: float
    pooled: bool = True

    @property
    def variance(self) -> Array:
        """Biased variance over all batches together."""
        return self.within + self.between if self.pooled else self.within

    @classmethod
    def nothing(cls, channels: int) -> "Seen":
        """Statistics of no values."""
        zero = np.zeros(channels)
        return cls(0.0, 0, zero, zero, zero, 0.0)


def merged(one: Seen, other: Seen) -> Seen:
    """Statistics of both together (Chan, Golub and LeVeque 1979)."""
    count = one.count + other.count
    if not one.count or not other.count:
        return one if one.count else other
    share = other.count / count
    step = other.mean - one.mean
    jump = float((other.within - one.within).mean())
    return Seen(
        count,
        one.batches + other.batches,
        one.mean + share * step,
        one.within + share * (other.within - one.within),
        one.between + share * (other.between - one.between) + share * (1 - share) * step**2,
        one.spread + share * (other.spread - one.spread) + share * (1 - share) * jump**2,
        one.pooled,
    )
