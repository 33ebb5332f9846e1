"""Noise before a weight layer (Li et al. 2019, case (b); Kim et al. 2023, section 3)."""

import numpy as np

from normdrop.theory._factors import dropout_factor, gaussian_factor, uniform_factor
from normdrop.theory._values import (
    Array,
    Numbers,
    TheoryError,
    Values,
    gathered,
    in_range,
    plain,
    real,
)


def effective_width(weight: Numbers, *, groups: int = 1, transposed: bool = False) -> Array:
    """The (Σw)² / Σw² = d · cos²θ of each output of a weight layer.

    θ is the angle between an output's weights and the vector of ones, d the number of inputs it
    sums: `in_features`, or channels of a group times kernel positions. Source: Li et al. 2019.

    Args:
        weight: Weights of a linear layer (out, in), of a convolution (out, in / groups, *kernel)
            or, with `transposed`, of a transposed convolution (in, out / groups, *kernel). Of a
            transposed convolution the inputs are counted as at stride 1, where every output sums
            the whole kernel.
        groups: Groups of the convolution.
        transposed: Whether the layer is a transposed convolution.

    Returns:
        One value per output channel, between 0 and d; 0 for an output whose weights are all 0.

    Raises:
        TheoryError: If `weight` has fewer than two axes, or its first axis is no multiple of
            `groups`.

    Example:
        >>> effective_width([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0]])
        array([3., 0.])
    """
    array = real("weight", weight)
    if array.ndim < 2 or groups < 1 or array.shape[0] % groups:  # noqa: PLR2004 - (out, in)
        raise TheoryError(
            f"weights of shape {array.shape} do not fit {groups} groups: "
            "expected (out, in / groups, *kernel)"
        )
    if transposed:
        array = array.reshape(groups, array.shape[0] // groups, *array.shape[1:])
        rows = np.moveaxis(array, 2, 1).reshape(groups * array.shape[2], -1)
    else:
        rows = array.reshape(array.shape[0], -1)
    squares = (rows**2).sum(axis=1)
    return np.asarray(rows.sum(axis=1) ** 2 / np.where(squares > 0, squares, 1.0))


def weighted_noise_shift(
    factor: Numbers,
    mean: Numbers = 0.0,
    variance: Numbers = 1.0,
    correlation: Numbers = 0.0,
    width: Numbers = 1.0,
) -> Values:
    """Shift behind a noise and a weight layer.

    Δ = [v + v ρ (d·cos²θ − 1)] / [f (c² + v) − c² + v ρ (d·cos²θ − 1)]: the noise is independent
    from input to input, so the correlations of the signal add up and those of the noise do not.
    Without correlation, or for d·cos²θ = 1, it is `noise_shift`.

    Args:
        factor: Second-moment factor f of the noise, at least 1.
        mean: Mean c of every input.
        variance: Variance v of every input, at least 0.
        correlation: Correlation ρ of every pair of inputs, in [−1 / (width − 1), 1].
        width: d·cos²θ of the weights (see `effective_width`), at least 0.

    Returns:
        Eval variance / train variance; `nan` where both are 0.

    Raises:
        TheoryError: If an argument is out of range.

    Example:
        >>> weighted_noise_shift(2.0, correlation=0.1, width=11.0)
        0.6666666666666666
    """
    value = in_range("variance", variance, 0)
    square = real("mean", mean) ** 2
    signal = value * gathered(correlation, in_range("width", width, 0))
    noise = (in_range("factor", factor, 1) - 1) * (square + value)
    with np.errstate(invalid="ignore"):
        return plain(signal / (signal + noise))


def weighted_dropout_shift(
    rate: Numbers,
    mean: Numbers = 0.0,
    variance: Numbers = 1.0,
    correlation: Numbers = 0.0,
    width: Numbers = 1.0,
) -> Values:
    """Shift behind dropout and a weight layer; tends to 1 as the width grows and ρ > 0.

    Source: Li et al. 2019, case (b). See `weighted_noise_shift` for the formula.

    Args and errors are those of `weighted_noise_shift`, with the probability that a unit is
    dropped, in [0, 1), in place of the factor.

    Example:
        >>> weighted_dropout_shift(0.5)
        0.5
        >>> round(weighted_dropout_shift(0.5, correlation=0.1, width=1000.0), 3)
        0.99
    """
    return weighted_noise_shift(dropout_factor(rate), mean, variance, correlation, width)


def weighted_gaussian_shift(
    rate: Numbers,
    mean: Numbers = 0.0,
    variance: Numbers = 1.0,
    correlation: Numbers = 0.0,
    width: Numbers = 1.0,
) -> Values:
    """Shift behind Gaussian dropout and a weight layer: that of dropout at the same rate.

    Args and errors are those of `weighted_dropout_shift`.

    Example:
        >>> weighted_gaussian_shift(0.5)
        0.5
    """
    return weighted_noise_shift(gaussian_factor(rate), mean, variance, correlation, width)


def weighted_uniform_shift(
    beta: Numbers,
    mean: Numbers = 0.0,
    variance: Numbers = 1.0,
    correlation: Numbers = 0.0,
    width: Numbers = 1.0,
) -> Values:
    """Shift behind uniform dropout and a weight layer.

    Args and errors are those of `weighted_noise_shift`, with the half-width β of the noise, at
    least 0, in place of the factor.

    Example:
        >>> round(weighted_uniform_shift(0.1), 6) == round(300 / 301, 6)
        True
    """
    return weighted_noise_shift(uniform_factor(beta), mean, variance, correlation, width)
