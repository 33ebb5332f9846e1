"""Dropout in a head with global average pooling over A positions (Kim et al. 2023, section 5)."""

import numpy as np

from normdrop.theory._factors import dropout_factor
from normdrop.theory._pooling import average_pool_moments
from normdrop.theory._values import Numbers, Values, finite, in_range, plain, real, whole


def cross_term_scale(rate: Numbers, *, pooled: bool, inverted: bool = True) -> Values:
    """What dropout does to the cross terms of E[(Σ m x)²] over the positions of a head.

    Before pooling each position has its own mask, E[m_j m_k] = E[m]²; after it they share one,
    E[m²]. An unscaled mask gives keep² and keep, inverted dropout 1 and 1 / keep, so dropout before
    the pooling is steadier wherever the cross terms are positive. Source: Kim et al. 2023.

    Args:
        rate: Probability that a unit is dropped, in [0, 1).
        pooled: Whether the dropout stands after the pooling.
        inverted: Whether kept units are divided by 1 − rate.

    Raises:
        TheoryError: If a rate is outside [0, 1).

    Example:
        >>> cross_term_scale(0.5, pooled=False), cross_term_scale(0.5, pooled=True)
        (1.0, 2.0)
        >>> cross_term_scale(0.5, pooled=False, inverted=False)
        0.25
    """
    keep = 1 - in_range("rate", rate, 0, 1, below=True)
    unscaled = keep if pooled else keep**2
    return plain(unscaled / keep**2 if inverted else unscaled)


def head_shift(
    rate: Numbers,
    positions: int,
    mean: Numbers = 0.0,
    variance: Numbers = 1.0,
    correlation: Numbers = 0.0,
    *,
    pooled: bool = False,
) -> Values:
    """Eval variance / train variance of a pooled feature with dropout before or after the pooling.

    With V = v (1 + (A − 1) ρ) / A, the variance of the pooled feature, the train variance is
    V + (f − 1) (c² + v) / A before the pooling and V + (f − 1) (c² + V) after it, with
    f = 1 / (1 − rate).

    Args:
        rate: Probability that a unit is dropped, in [0, 1).
        positions: Number A of positions that are averaged, at least 1.
        mean: Mean c of the feature.
        variance: Variance v of the feature at one position, at least 0.
        correlation: Correlation ρ of the feature between two positions, in [−1 / (A − 1), 1].
        pooled: Whether the dropout stands after the pooling.

    Raises:
        TheoryError: If an argument is out of range.

    Example:
        >>> round(head_shift(0.5, positions=64, mean=1.0), 3)  # before the pooling
        0.333
        >>> round(head_shift(0.5, positions=64, mean=1.0, pooled=True), 3)  # after it
        0.015
    """
    extra = np.asarray(dropout_factor(rate)) - 1
    square = finite("mean", mean) ** 2
    signal = np.asarray(
        average_pool_moments(mean, variance, whole("positions", positions), correlation).variance
    )
    if pooled:
        noise = extra * (square + signal)
    else:
        noise = extra * (square + real("variance", variance)) / positions
    return plain(signal / (signal + noise))
