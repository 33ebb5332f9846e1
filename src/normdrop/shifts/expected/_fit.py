"""Whether stored statistics fit the weights, or lag behind them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from normdrop.shifts.expected._shifts import Statistics
from normdrop.shifts.report import LayerShift, ShiftReport

_QUANTILE = 0.9
MISMATCH_ABOVE = 0.024
"""Settled statistics stay below it and lagging ones lie above, over a family of small networks."""
INITIAL_ABOVE = 0.03


@dataclass(frozen=True)
class StoredFit:
    """How well stored statistics fit the weights.

    Attributes:
        mismatch: What no input makes good: the 90th percentile over norm layers of twice the
            Kullback-Leibler divergence of normal distributions, averaged over channels, between
            the statistics the found inputs show and the stored ones. Lag is worst where inputs
            have the least say, so the worst layers tell most.
        initial: How much the initial values, mean 0 and variance 1, still weigh in the stored
            statistics: (1 - momentum) ** batches, the median over norm layers.
    """

    mismatch: float
    initial: float

    @property
    def lags(self) -> bool:
        """Whether the statistics lag behind the weights or belong to others."""
        return self.mismatch > MISMATCH_ABOVE or self.initial > INITIAL_ABOVE

    def __str__(self) -> str:
        """What is wrong, as a clause."""
        if self.initial > INITIAL_ABOVE:
            return f"their initial values still weigh {100 * self.initial:.0f} %"
        return f"no input shows them: mismatch {self.mismatch:.2g}, settled below {MISMATCH_ABOVE}"


def mismatch(distances: Iterable[float]) -> float:
    """The 90th percentile over trained layers of their divergence; 0 without any."""
    distances = list(distances)
    return float(np.quantile(distances, _QUANTILE)) if distances else 0.0


def divergences(
    seen: Statistics[Any], stored: Statistics[Any], eps: float, log: Callable[[Any], Any]
) -> Any:  # noqa: ANN401 - an array or tensor, as the statistics are
    """Twice the divergence of seen from stored statistics, per channel; differentiable.

    Args:
        seen: The statistics of an input.
        stored: Those that a norm layer divides by.
        eps: What it adds to the variance.
        log: Of such an array.
    """
    scale = stored.variance + eps  # a dead channel's variance is as good as eps
    ratio = (seen.variance + eps) / scale
    return ratio - 1 - log(ratio) + (seen.mean - stored.mean) ** 2 / scale


def initial_share_left(kept: float, batches: float, variances: np.ndarray) -> float:
    """How much a norm layer's initial values still weigh in its running statistics.

    Counted batches are believed only where the numbers allow them: a running variance never falls
    below the share of the variance 1 it began with. Statistics set by other means leave counts
    that say nothing.

    Args:
        kept: What each batch leaves of the statistics before it: 1 - momentum in torch, momentum
            in Keras.
        batches: How many there were.
        variances: The running variances.

    >>> round(initial_share_left(0.99, 20, np.array([1.0, 0.9])), 3)
    0.818
    >>> initial_share_left(0.99, 20, np.array([0.5]))
    0.0
    """
    share = float(kept**batches)
    return share if bool(np.all(variances >= share)) else 0.0


def untrusted(channels: Mapping[str, int], stored: StoredFit) -> ShiftReport:
    """A report in which no shift is stated, because the statistics do not fit.

    Args:
        channels: Norm layer path to its number of channels.
        stored: How well they fit.
    """
    note = (
        f"The stored statistics do not fit the weights ({stored}): they lag behind them or belong "
        "to others. No data-free method can be trusted here: measure on real data, or let the "
        "statistics settle first (train-mode passes without updates of the weights)."
    )
    reason = "the stored statistics do not fit the weights"
    layers = [
        LayerShift.without_value(path, "invert", count, reason) for path, count in channels.items()
    ]
    return ShiftReport(layers, "invert", (note,))
