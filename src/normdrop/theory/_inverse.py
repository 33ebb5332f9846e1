"""The formulas for noise directly before a norm layer, solved for what went in."""

import numpy as np

from normdrop.theory._factors import beta_of_factor, rate_of_factor
from normdrop.theory._values import Numbers, Values, in_range, plain, real


def variance_before_noise(
    factor: Numbers, running_mean: Numbers, running_variance: Numbers
) -> Values:
    """Eval variance from stored statistics: v = (s² + μ²) / f − μ².

    Exact where a noise of factor f stands directly before the norm layer and its running mean μ and
    running variance s² have settled. A negative v shows that one of the two does not hold: `nan`.

    Args:
        factor: Second-moment factor f of the noise, at least 1.
        running_mean: Running mean μ of the norm layer.
        running_variance: Running variance s² of the norm layer, at least 0.

    Returns:
        Variance of the noise's input, `nan` where the statistics contradict the assumption.

    Raises:
        TheoryError: If a factor is below 1 or a running variance negative.

    Example:
        >>> variance_before_noise(2.0, running_mean=1.0, running_variance=7.0)
        3.0
        >>> variance_before_noise(2.0, running_mean=3.0, running_variance=1.0)
        nan
    """
    square = real("running_mean", running_mean) ** 2
    second = square + in_range("running_variance", running_variance, 0)
    before = second / in_range("factor", factor, 1) - square
    return plain(np.where(before < 0, np.nan, before))


def factor_for_shift(shift: Numbers, mean: Numbers = 0.0, variance: Numbers = 1.0) -> Values:
    """The largest second-moment factor that keeps the shift at or above `shift`.

    Inverse of `noise_shift`: f = 1 + v (1/Δ − 1) / (c² + v).

    Args:
        shift: Wanted shift Δ, in (0, 1].
        mean: Mean c of the noise's input.
        variance: Variance v of the noise's input, above 0.

    Raises:
        TheoryError: If a shift or variance is out of range.

    Example:
        >>> factor_for_shift(0.5)
        2.0
    """
    tiny = np.finfo(np.float64).tiny
    square = real("mean", mean) ** 2
    value = in_range("variance", variance, tiny)
    return plain(1 + value * (1 / in_range("shift", shift, tiny, 1) - 1) / (square + value))


def rate_for_shift(shift: Numbers, mean: Numbers = 0.0, variance: Numbers = 1.0) -> Values:
    """The largest dropout rate that keeps the shift at or above `shift`.

    Inverse of `dropout_shift`.

    Args and errors are those of `factor_for_shift`.

    Example:
        >>> round(rate_for_shift(0.95), 12)
        0.05
    """
    return rate_of_factor(factor_for_shift(shift, mean, variance))


def beta_for_shift(shift: Numbers, mean: Numbers = 0.0, variance: Numbers = 1.0) -> Values:
    """The largest half-width of uniform dropout that keeps the shift at or above `shift`.

    Args and errors are those of `factor_for_shift`.

    Example:
        >>> round(beta_for_shift(300 / 301), 9)
        0.1
    """
    return beta_of_factor(factor_for_shift(shift, mean, variance))
