"""How badly the statistics of train mode fit eval mode, in one number."""

import numpy as np

from normdrop.lab.metric import Metric
from normdrop.lab.recipe import Tensor
from normdrop.theory import Moments

MISFIT = Metric(
    "misfit",
    "misfit",
    "",
    "misfit",
    "distance from mean 0 and deviation 1 of eval outputs normalised by train statistics",
)
OFFSET = Metric(
    "offset",
    "mean, eval − train",
    "train deviations",
    "mean shift",
    "eval mean − train mean, in train deviations; 0 is no shift",
    decimals=3,
    signed=True,
)
RATIO = Metric("ratio", "Δ", "", "Δ", "eval variance / train variance; 1 is no shift", decimals=3)


def misfit(train: Moments, evaluated: Moments) -> dict[str, float]:
    """`MISFIT`, `OFFSET` and `RATIO` of outputs in both modes, the medians over their channels.

    With m = (mean, eval − train) / σ_train and s = σ_eval / σ_train the misfit is
    √(m² + (s − 1)²), which is the 2-Wasserstein distance of N(m, s²) from N(0, 1). The median,
    because the statistics of a unit that is hardly ever active may be off by any factor.

    >>> misfit(Moments(0.0, 1.0), Moments(0.0, 4.0))
    {'misfit': 1.0, 'offset': 0.0, 'ratio': 4.0}
    """
    deviation = np.sqrt(train.variance)
    offset = (np.asarray(evaluated.mean) - train.mean) / deviation
    scale = np.sqrt(evaluated.variance) / deviation
    return {
        MISFIT.name: float(np.median(np.hypot(offset, scale - 1))),
        OFFSET.name: float(np.median(offset)),
        RATIO.name: float(np.median(np.square(scale))),
    }


def moments_of(values: Tensor) -> Moments:
    """Mean and population variance of all values."""
    double = values.double()
    return Moments(double.mean().item(), double.var(correction=0).item())
