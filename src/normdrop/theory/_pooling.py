"""Moments behind average and max pooling over equally correlated positions."""

from collections.abc import Callable

import numpy as np

from normdrop.theory._gaussian import gaussian_cumulative, gaussian_density
from normdrop.theory._values import (
    Array,
    Moments,
    Numbers,
    TheoryError,
    Values,
    gathered,
    in_range,
    plain,
    real,
)

# The maximum of 2 to 2²⁰ Gaussians lies well inside these limits; the trapezoidal rule converges
# faster than any power of its step for so smooth and vanishing an integrand.
_POINTS = np.linspace(-9.0, 9.0, 1801)
_STEP = _POINTS[1] - _POINTS[0]


def average_pool_moments(
    mean: Numbers, variance: Numbers, size: int, correlation: Numbers = 0.0
) -> Moments:
    """Moments of the average of k values: c and v (1 + (k − 1) ρ) / k, whatever their distribution.

    Average pooling is linear: it keeps the mean, and a noise of mean 1 in front of it leaves no
    mean shift.

    Args:
        mean: Mean c of every value.
        variance: Variance v of every value, at least 0.
        size: Number k of values in a window, at least 1.
        correlation: Correlation ρ of every pair of values, in [−1 / (k − 1), 1].

    Raises:
        TheoryError: If an argument is out of range.

    Example:
        >>> average_pool_moments(1.0, 1.0, size=4)
        Moments(mean=1.0, variance=0.25)
    """
    _check_size(size)
    value = in_range("variance", variance, 0)
    total = gathered(correlation, np.asarray(float(size)))
    return Moments(plain(real("mean", mean) + 0 * value), plain(value * total / size))


def maximum_moments(size: int) -> Moments:
    """Moments of the maximum of k independent standard Gaussians, with density k φ(x) Φ(x)ᵏ⁻¹.

    Args:
        size: Number k of values, at least 1.

    Raises:
        TheoryError: If the size is below 1.

    Example:
        >>> round(maximum_moments(2).mean, 6)  # 1 / √π
        0.56419
    """
    return activated_max_pool_moments(lambda x: x, 0.0, 1.0, size)


def max_pool_moments(
    mean: Numbers, variance: Numbers, size: int, correlation: Numbers = 0.0
) -> Moments:
    """Moments of the maximum of k Gaussians N(c, v) with equal correlations ρ ≥ 0.

    Such Gaussians are √ρ times a shared one plus √(1 − ρ) times independent ones, and the shared
    one passes the maximum unchanged: mean c + √(v (1 − ρ)) E[M], variance v (ρ + (1 − ρ) Var[M]),
    with M the maximum of k independent standard Gaussians.

    Args:
        mean: Mean c of every value.
        variance: Variance v of every value, at least 0.
        size: Number k of values in a window, at least 1.
        correlation: Correlation ρ of every pair of values, in [0, 1].

    Raises:
        TheoryError: If an argument is out of range.

    Example:
        >>> max_pool_moments(1.0, 4.0, size=4, correlation=1.0)
        Moments(mean=1.0, variance=4.0)
    """
    value = in_range("variance", variance, 0)
    shared = in_range("correlation", correlation, 0, 1)
    top = maximum_moments(size)
    first = real("mean", mean) + np.sqrt(value * (1 - shared)) * top.mean
    return Moments(plain(first), plain(value * (shared + (1 - shared) * top.variance)))


def activated_max_pool_moments(
    function: Callable[[Array], Array],
    mean: Numbers,
    variance: Numbers,
    size: int,
) -> Moments:
    """Moments of max pooling behind a non-decreasing activation of k independent Gaussians N(c, v).

    The maximum commutes with a non-decreasing function: the pooling is carried *through* the
    activation, as matching a Gaussian to the activation's output first would misplace its tail.

    Args:
        function: Non-decreasing function of an array, applied elementwise.
        mean: Mean c of the activation's input.
        variance: Variance v of the activation's input, at least 0.
        size: Number k of values in a window, at least 1.

    Raises:
        TheoryError: If an argument is out of range.

    Example:
        >>> identity = activated_max_pool_moments(lambda x: x, 0.0, 1.0, size=2)
        >>> round(identity.mean, 6) == round(max_pool_moments(0.0, 1.0, size=2).mean, 6)
        True
    """
    _check_size(size)
    centre = real("mean", mean)[..., None]
    spread = np.sqrt(in_range("variance", variance, 0))[..., None]
    density = size * gaussian_density(_POINTS) * gaussian_cumulative(_POINTS) ** (size - 1)
    values = np.asarray(function(centre + spread * _POINTS))
    first = (values * density).sum(axis=-1) * _STEP
    second = ((values - first[..., None]) ** 2 * density).sum(axis=-1) * _STEP
    return Moments(plain(first), plain(second))


def _check_size(size: int) -> None:
    if size < 1:
        raise TheoryError(f"size must be at least 1, not {size}")


def pooled_noise_shift(
    factor: Numbers,
    mean: Numbers,
    variance: Numbers,
    size: int,
    correlation: Numbers = 0.0,
) -> Values:
    """Shift behind a noise and average pooling over k values.

    The noise is averaged away as 1/k, a correlated signal is not:
    Δ = V / (V + (f − 1) (c² + v) / k) with V = v (1 + (k − 1) ρ) / k.

    Args:
        factor: Second-moment factor f of the noise, at least 1.
        mean: Mean c of every value.
        variance: Variance v of every value, at least 0.
        size: Number k of values in a window, at least 1.
        correlation: Correlation ρ of every pair of values, in [−1 / (k − 1), 1].

    Raises:
        TheoryError: If an argument is out of range.

    Example:
        >>> pooled_noise_shift(2.0, 0.0, 1.0, size=4)
        0.5
    """
    signal = np.asarray(average_pool_moments(mean, variance, size, correlation).variance)
    second = real("mean", mean) ** 2 + real("variance", variance)
    noise = (in_range("factor", factor, 1) - 1) * second / size
    with np.errstate(invalid="ignore"):
        return plain(signal / (signal + noise))
