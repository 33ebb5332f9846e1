"""Noise before or after a weight layer, with the inputs' full covariance (Kim et al. 2023)."""

import numpy as np

from normdrop.theory._factors import dropout_factor
from normdrop.theory._values import Array, Numbers, TheoryError, real

# Of the largest eigenvalue: what rounding leaves of one that is zero.
_ROUNDING = 1e-9


def _checked(weight: Numbers, mean: Numbers, covariance: Numbers) -> tuple[Array, Array, Array]:
    rows = real("weight", weight)
    means = real("mean", mean)
    spread = real("covariance", covariance)
    width = rows.shape[-1] if rows.ndim == 2 else -1  # noqa: PLR2004 - (out, in)
    if means.shape != (width,) or spread.shape != (width, width):
        raise TheoryError(
            f"shapes do not fit: weight {rows.shape}, mean {means.shape}, covariance "
            f"{spread.shape}; expected (out, in), (in,) and (in, in)"
        )
    if not np.isfinite(spread).all() or not np.allclose(spread, spread.T):
        raise TheoryError("covariance must be finite and symmetric")
    eigenvalues = np.linalg.eigvalsh(spread)
    lowest = eigenvalues.min(initial=0.0)
    if lowest < -_ROUNDING * eigenvalues.max(initial=0.0):
        raise TheoryError(
            f"covariance has the eigenvalue {lowest:.4g}: some sum of the inputs would have a "
            "negative variance, so that no inputs have these correlations"
        )
    return rows, means, spread


def cross_terms(weight: Numbers, mean: Numbers, covariance: Numbers) -> Array:
    """Σ_{j≠k} w_ij w_ik E[x_j x_k] of each output i.

    Where their sum over the outputs is positive, dropout after the weights shifts more than before
    them; the two train variances differ by rate / (1 − rate) times this sum.
    Source: Kim et al. 2023.

    Args:
        weight: Weights, shape (out, in).
        mean: Means of the inputs, shape (in,).
        covariance: Covariance of the inputs, shape (in, in).

    Raises:
        TheoryError: If the shapes do not fit, or no inputs have such a covariance.

    Example:
        >>> cross_terms([[1.0, 1.0]], mean=[1.0, 2.0], covariance=[[1.0, 0.0], [0.0, 1.0]])
        array([4.])
    """
    rows, means, spread = _checked(weight, mean, covariance)
    second = spread + np.outer(means, means)
    everything = np.einsum("ij,jk,ik->i", rows, second, rows)
    return np.asarray(everything - rows**2 @ np.diag(second), dtype=np.float64)


def shift_before_weights(
    rate: Numbers, weight: Numbers, mean: Numbers, covariance: Numbers
) -> Array:
    """Shift of each output of W · Dropout(x); always below 1.

    Δ_i = w_iᵀ Σ w_i / (w_iᵀ Σ w_i + rate / (1 − rate) · Σ_j w_ij² E[x_j²]).
    Source: Kim et al. 2023.

    Args:
        rate: Probability that a unit is dropped, in [0, 1).
        weight: Weights, shape (out, in).
        mean: Means of the inputs, shape (in,).
        covariance: Covariance Σ of the inputs, shape (in, in).

    Raises:
        TheoryError: If the rate is out of range, the shapes do not fit, or no inputs have such a
            covariance.

    Example:
        >>> shift_before_weights(0.5, [[1.0, 1.0]], [1.0, 1.0], [[1.0, 0.0], [0.0, 1.0]])
        array([0.33333333])
    """
    rows, means, spread = _checked(weight, mean, covariance)
    signal = np.einsum("ij,jk,ik->i", rows, spread, rows)
    noise = rows**2 @ (np.diag(spread) + means**2)
    extra = np.asarray(dropout_factor(rate)) - 1
    return np.asarray(signal / (signal + extra * noise), dtype=np.float64)


def shift_after_weights(
    rate: Numbers, weight: Numbers, mean: Numbers, covariance: Numbers
) -> Array:
    """Shift of each output of Dropout(W · x).

    Δ_i = w_iᵀ Σ w_i / (w_iᵀ Σ w_i + rate / (1 − rate) · E[(w_i · x)²]).
    Source: Kim et al. 2023.

    Args and errors are those of `shift_before_weights`.

    Example:
        >>> shift_after_weights(0.5, [[1.0, 1.0]], [1.0, 1.0], [[1.0, 0.0], [0.0, 1.0]])
        array([0.25])
    """
    rows, means, spread = _checked(weight, mean, covariance)
    signal = np.einsum("ij,jk,ik->i", rows, spread, rows)
    extra = np.asarray(dropout_factor(rate)) - 1
    return np.asarray(signal / (signal + extra * (signal + (rows @ means) ** 2)), dtype=np.float64)
