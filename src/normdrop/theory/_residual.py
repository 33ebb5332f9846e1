"""Blocks of norm, ReLU, dropout and weights, with and without a residual connection.

A norm layer with scale g and no offset gives z ~ N(0, g²); ReLU and dropout follow in either order
(they commute), then weights, then the next norm layer. Source: Kim et al. 2023, section 4.
"""

import numpy as np

from normdrop.theory._factors import dropout_factor
from normdrop.theory._values import Numbers, Values, finite, in_range, plain


def relu_dropout_variance(rate: Numbers = 0.0, scale: Numbers = 1.0) -> Values:
    """Variance of Dropout(ReLU(z)), z ~ N(0, g²): (π / (1 − rate) − 1) g² / (2π).

    Weights with He's initialisation double it.

    Args:
        rate: Probability that a unit is dropped, in [0, 1).
        scale: Standard deviation g, at least 0.

    Raises:
        TheoryError: If a rate or scale is out of range.

    Example:
        >>> round(relu_dropout_variance(), 4)
        0.3408
    """
    factor = np.asarray(dropout_factor(rate))
    return plain((np.pi * factor - 1) * in_range("scale", scale, 0) ** 2 / (2 * np.pi))


def relu_block_shift(rate: Numbers) -> Values:
    """Shift behind norm, ReLU, dropout and He-initialised weights: (π − 1) / (π / (1 − rate) − 1).

    Independent of the norm layer's scale. Source: Kim et al. 2023.

    Args:
        rate: Probability that a unit is dropped, in [0, 1).

    Returns:
        Eval variance / train variance.

    Raises:
        TheoryError: If a rate is outside [0, 1).

    Example:
        >>> relu_block_shift([0.1, 0.2, 0.3, 0.4, 0.5]).round(4)
        array([0.8598, 0.7317, 0.614 , 0.5056, 0.4054])
    """
    return plain((np.pi - 1) / (np.pi * np.asarray(dropout_factor(rate)) - 1))


def residual_shift(
    rate: Numbers, trunk_variance: Numbers = 1.0, scales: Numbers = (1.0,)
) -> Values:
    """Shift on the trunk behind residual ReLU blocks with dropout in their branches.

    Δ = [Var x₀ + ((π − 1) / π) Σg²] / [Var x₀ + ((π / (1 − rate) − 1) / π) Σg²], between
    `relu_block_shift` and 1; the branches' weights are He-initialised. Source: Kim et al. 2023.

    Args:
        rate: Probability that a unit is dropped, in [0, 1); the same in all branches.
        trunk_variance: Var x₀, the trunk's variance before the first of the blocks, at least 0.
        scales: The scale g of the last norm layer of each branch; the last axis runs over branches.

    Returns:
        Eval variance / train variance at the norm layer behind the last addition.

    Raises:
        TheoryError: If a rate or variance is out of range.

    Example:
        >>> round(residual_shift(0.5, trunk_variance=1.0, scales=[1.0]), 4)
        0.6271
        >>> round(residual_shift(0.5, trunk_variance=0.0), 4)  # nothing but the branch
        0.4054
    """
    trunk = in_range("trunk_variance", trunk_variance, 0)
    total = (np.atleast_1d(finite("scales", scales)) ** 2).sum(axis=-1)
    train = trunk + 2 * total * np.asarray(relu_dropout_variance(rate))
    return plain((trunk + 2 * total * np.asarray(relu_dropout_variance())) / train)
