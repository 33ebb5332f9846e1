"""The mean and variance per channel of everything that reached a norm layer, batch after batch."""

from dataclasses import dataclass

import torch
from torch import Tensor

from normdrop.errors import UsageError

_PENDING = 32
"""Batches that wait to be folded in at once: a fold costs as much as ten small calls."""


@dataclass(frozen=True)
class Seen:
    """Statistics of many batches, by the law of total variance; float64 on the CPU.

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
    mean: Tensor
    within: Tensor
    between: Tensor
    spread: float
    pooled: bool = True

    @property
    def variance(self) -> Tensor:
        """Biased variance over all batches together."""
        return self.within + self.between if self.pooled else self.within

    @classmethod
    def nothing(cls, channels: int) -> "Seen":
        """Statistics of no values."""
        zero = torch.zeros(channels, dtype=torch.float64)
        return cls(0.0, 0, zero, zero, zero, 0.0)


def merged(one: Seen, other: Seen) -> Seen:
    """Statistics of both together (Chan, Golub and LeVeque 1979)."""
    count = one.count + other.count
    if not one.count or not other.count:
        return one if one.count else other
    share = other.count / count
    step = other.mean - one.mean
    jump = (other.within - one.within).mean().item()
    return Seen(
        count,
        one.batches + other.batches,
        one.mean + share * step,
        one.within + share * (other.within - one.within),
        one.between + share * (other.between - one.between) + share * (1 - share) * step.square(),
        one.spread + share * (other.spread - one.spread) + share * (1 - share) * jump**2,
        one.pooled,
    )


class Tally:
    """Collects the batches of one norm layer in memory for some tens of them, however many come.

    Args:
        path: Module path of the norm layer, for errors.
        pooled: As in `Seen`.
    """

    def __init__(self, path: str, *, pooled: bool = True) -> None:
        self._path = path
        self._pooled = pooled
        self._seen: Seen | None = None
        self._pending: list[tuple[int, int, Tensor]] = []

    def add(self, batch: int, count: int, moments: Tensor) -> None:
        """One batch: values per channel; mean and biased variance, shape (2, channels)."""
        self._pending.append((batch, count, moments))
        if len(self._pending) == _PENDING:
            self._fold()

    def seen(self) -> Seen:
        """What has been added so far.

        Raises:
            UsageError: A value was NaN or infinite; the message names the layer and the batch.
        """
        if self._pending:
            self._fold()
        return Seen.nothing(0) if self._seen is None else self._seen

    def _fold(self) -> None:
        numbers, counts, moments = zip(*self._pending, strict=True)
        self._pending.clear()
        both = torch.stack(moments).cpu().double()
        if not both.isfinite().all():
            first = numbers[int((~both.isfinite().all(2).all(1)).nonzero()[0])]
            raise UsageError(
                f"batch {first + 1} brings NaN or infinity to norm layer {self._path!r}: look for "
                "it in the data, then in the weights before that layer"
            )
        mean, variance = both[:, 0], both[:, 1]
        size = torch.tensor(counts, dtype=torch.float64)
        weight = (size / size.sum()).unsqueeze(1)
        centre = (weight * mean).sum(0)
        between = (weight * (mean - centre).square()).sum(0)
        within = (weight * variance).sum(0)
        spread = (weight[:, 0] * (variance - within).mean(1).square()).sum().item()
        count = size.sum().item()
        folded = Seen(count, len(numbers), centre, within, between, spread, self._pooled)
        self._seen = folded if self._seen is None else merged(self._seen, folded)
