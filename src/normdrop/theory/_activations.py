"""Moments of a Gaussian behind the activations of the field."""

from collections.abc import Callable

import numpy as np

from normdrop.theory._gaussian import gaussian_cumulative, gaussian_density, gaussian_moments
from normdrop.theory._values import Array, Moments, Numbers, finite, in_range, plain
from normdrop.values.operations import ACTIVATIONS


def _values(name: str, x: Array, **constants: float | str) -> Array:
    values: Array = ACTIVATIONS[name].values(np, x, constants)
    return values


def relu(x: Array) -> Array:
    """max(x, 0)."""
    return _values("relu", x)


def leaky_relu(x: Array, slope: float = 0.01) -> Array:
    """Identity above 0, slope · x below."""
    return _values("leaky_relu", x, negative_slope=slope)


def elu(x: Array, alpha: float = 1.0) -> Array:
    """Identity above 0, α (eˣ − 1) below (Clevert et al. 2016)."""
    return _values("elu", x, alpha=alpha)


def selu(x: Array) -> Array:
    """Scaled ELU with the two constants of Klambauer et al. 2017."""
    return _values("selu", x)


def sigmoid(x: Array) -> Array:
    """1 / (1 + e⁻ˣ), written with tanh so that nothing overflows."""
    return _values("sigmoid", x)


def silu(x: Array) -> Array:
    """The input times its sigmoid (Hendrycks & Gimpel 2016; Ramachandran et al. 2017, "swish")."""
    return _values("silu", x)


def gelu(x: Array, *, approximate: bool = False) -> Array:
    """The input times Φ(x) (Hendrycks & Gimpel 2016), or its approximation by tanh."""
    return _values("gelu", x, approximate="tanh" if approximate else "none")


def leaky_relu_moments(
    mean: Numbers = 0.0, variance: Numbers = 1.0, slope: float = 0.01
) -> Moments:
    """Moments of LeakyReLU(x), x ~ N(c, v), in closed form.

    With φ and Φ taken at c / √v: E max(x, 0) = c Φ + √v φ and E max(x, 0)² = (c² + v) Φ + c √v φ;
    the negative half is the mirror image, times the slope.

    Args:
        mean: Mean c of the input.
        variance: Variance v of the input, at least 0.
        slope: Slope below 0.

    Raises:
        TheoryError: If a variance is negative.

    Example:
        >>> moments = leaky_relu_moments(slope=1.0)  # the identity
        >>> moments.mean, moments.variance
        (0.0, 1.0)
    """
    centre = finite("mean", mean)
    value = in_range("variance", variance, 0)
    up, up_square = _positive_part(centre, value)
    down, down_square = _positive_part(-centre, value)
    first = up - slope * down
    second = up_square + slope**2 * down_square
    # far from the kink the difference of two large squares may round below zero
    return Moments(plain(first), plain(np.maximum(second - first**2, 0.0)))


def relu_moments(mean: Numbers = 0.0, variance: Numbers = 1.0) -> Moments:
    """Moments of ReLU(x), x ~ N(c, v), in closed form.

    For c = 0: mean √(v / 2π) and variance (π − 1) v / (2π) (Kim et al. 2023).

    Args:
        mean: Mean c of the input.
        variance: Variance v of the input, at least 0.

    Raises:
        TheoryError: If a variance is negative.

    Example:
        >>> moments = relu_moments()
        >>> round(moments.mean, 6), round(moments.variance, 6)
        (0.398942, 0.340845)
    """
    return leaky_relu_moments(mean, variance, slope=0.0)


def _positive_part(mean: Array, variance: Array) -> tuple[Array, Array]:
    """E max(x, 0) and E max(x, 0)²."""
    spread = np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(spread > 0, mean / spread, np.sign(mean) * np.inf)
    ratio = np.clip(np.nan_to_num(ratio, nan=0.0), -40.0, 40.0)
    density, below = gaussian_density(ratio), gaussian_cumulative(ratio)
    first = mean * below + spread * density
    return first, (mean**2 + variance) * below + mean * spread * density


def elu_moments(mean: Numbers = 0.0, variance: Numbers = 1.0, alpha: float = 1.0) -> Moments:
    """Moments of ELU(x), x ~ N(mean, variance), by quadrature split at 0.

    Example:
        >>> round(elu_moments().mean, 4)
        0.1605
    """
    return gaussian_moments(lambda x: elu(x, alpha), mean, variance)


def selu_moments(mean: Numbers = 0.0, variance: Numbers = 1.0) -> Moments:
    """Moments of SELU(x), x ~ N(mean, variance); (0, 1) is its fixed point (Klambauer et al. 2017).

    Example:
        >>> moments = selu_moments()
        >>> abs(round(moments.mean, 9)), round(moments.variance, 9)
        (0.0, 1.0)
    """
    return gaussian_moments(selu, mean, variance)


def gelu_moments(
    mean: Numbers = 0.0, variance: Numbers = 1.0, *, approximate: bool = False
) -> Moments:
    """Moments of GELU(x), x ~ N(mean, variance), with erf or its approximation by tanh.

    Example:
        >>> round(gelu_moments().mean, 4)  # 1 / (2 √π)
        0.2821
    """
    return gaussian_moments(lambda x: gelu(x, approximate=approximate), mean, variance)


def silu_moments(mean: Numbers = 0.0, variance: Numbers = 1.0) -> Moments:
    """Moments of SiLU(x), x ~ N(mean, variance).

    Example:
        >>> round(silu_moments().mean, 4)
        0.2066
    """
    return gaussian_moments(silu, mean, variance)


def sigmoid_moments(mean: Numbers = 0.0, variance: Numbers = 1.0) -> Moments:
    """Moments of sigmoid(x), x ~ N(mean, variance).

    Example:
        >>> round(sigmoid_moments().mean, 9)
        0.5
    """
    return gaussian_moments(sigmoid, mean, variance)


def tanh_moments(mean: Numbers = 0.0, variance: Numbers = 1.0) -> Moments:
    """Moments of tanh(x), x ~ N(mean, variance).

    Example:
        >>> round(tanh_moments().variance, 4)
        0.3943
    """
    return gaussian_moments(np.tanh, mean, variance)


ACTIVATION_MOMENTS: dict[str, Callable[..., Moments]] = {
    "relu": relu_moments,
    "leaky_relu": leaky_relu_moments,
    "elu": elu_moments,
    "selu": selu_moments,
    "gelu": gelu_moments,
    "silu": silu_moments,
    "sigmoid": sigmoid_moments,
    "tanh": tanh_moments,
}
