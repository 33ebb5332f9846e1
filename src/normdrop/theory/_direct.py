"""Noise directly before a norm layer (Li et al. 2019, case (a); Kim et al. 2023, section 3)."""

import numpy as np

from normdrop.theory._factors import dropout_factor, gaussian_factor, uniform_factor
from normdrop.theory._values import Numbers, Values, in_range, plain, real


def noisy_variance(factor: Numbers, mean: Numbers = 0.0, variance: Numbers = 1.0) -> Values:
    """Variance behind a noise: f (c² + v) − c².

    For dropout this is Var[x] / keep + (1 − keep) / keep · E[x]² (Kim et al. 2023).

    Args:
        factor: Second-moment factor f of the noise, at least 1 (see `dropout_factor`).
        mean: Mean c of the input.
        variance: Variance v of the input, at least 0.

    Raises:
        TheoryError: If a factor is below 1 or a variance negative.

    Example:
        >>> noisy_variance(2.0, mean=1.0, variance=3.0)
        7.0
    """
    square = real("mean", mean) ** 2
    second = square + in_range("variance", variance, 0)
    return plain(in_range("factor", factor, 1) * second - square)


def noise_shift(factor: Numbers, mean: Numbers = 0.0, variance: Numbers = 1.0) -> Values:
    """Shift at a norm layer that a noise feeds directly: Δ = v / (f (c² + v) − c²).

    Args:
        factor: Second-moment factor f of the noise, at least 1.
        mean: Mean c of the noise's input.
        variance: Variance v of the noise's input, at least 0; where mean and variance are both 0
            the shift is undefined and `nan`.

    Returns:
        Eval variance / train variance, between 0 and 1.

    Raises:
        TheoryError: If a factor is below 1 or a variance negative.

    Example:
        >>> noise_shift(2.0)
        0.5
    """
    value = in_range("variance", variance, 0)
    second = real("mean", mean) ** 2 + value
    with np.errstate(invalid="ignore"):
        return plain(value / (value + (in_range("factor", factor, 1) - 1) * second))


def dropout_shift(rate: Numbers, mean: Numbers = 0.0, variance: Numbers = 1.0) -> Values:
    """Shift of dropout directly before a norm layer: Δ = v / [(c² + v) / (1 − rate) − c²].

    With mean 0 this is 1 − rate. Source: Li et al. 2019, case (a).

    Args:
        rate: Probability that a unit is dropped, in [0, 1).
        mean: Mean c of the dropout's input.
        variance: Variance v of the dropout's input, at least 0.

    Returns:
        Eval variance / train variance.

    Raises:
        TheoryError: If a rate or variance is out of range.

    Example:
        >>> dropout_shift(0.5)
        0.5
        >>> dropout_shift(0.5, mean=1.0, variance=1.0)  # the mean makes it worse
        0.3333333333333333
    """
    return noise_shift(dropout_factor(rate), mean, variance)


def gaussian_shift(rate: Numbers, mean: Numbers = 0.0, variance: Numbers = 1.0) -> Values:
    """Shift of Gaussian dropout directly before a norm layer: that of dropout at the same rate.

    Args, result and errors are those of `dropout_shift`.

    Example:
        >>> gaussian_shift(0.2)
        0.8
    """
    return noise_shift(gaussian_factor(rate), mean, variance)


def uniform_shift(beta: Numbers, mean: Numbers = 0.0, variance: Numbers = 1.0) -> Values:
    """Shift of uniform dropout directly before a norm layer: Δ = v / (v + (c² + v) β²/3).

    With mean 0 this is 3 / (3 + β²). Source: Li et al. 2019, "Uout".

    Args:
        beta: Half-width β of the noise 1 + U(−β, β), at least 0.
        mean: Mean c of the noise's input.
        variance: Variance v of the noise's input, at least 0.

    Returns:
        Eval variance / train variance.

    Raises:
        TheoryError: If a half-width or variance is out of range.

    Example:
        >>> from fractions import Fraction
        >>> Fraction(uniform_shift(0.1)).limit_denominator(1000)
        Fraction(300, 301)
    """
    return noise_shift(uniform_factor(beta), mean, variance)
