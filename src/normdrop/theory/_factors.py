"""Second-moment factors: what a multiplicative noise of mean 1 does to E[x²].

A noise m, independent of x and with E[m] = 1, keeps E[x] and turns E[x²] into f · E[x²] with
f = E[m²]. All shifts of this package depend on a noise through f alone.
"""

import numpy as np

from normdrop.theory._values import Numbers, Values, in_range, plain


def dropout_factor(rate: Numbers) -> Values:
    """E[m²] of inverted dropout: 1 / (1 − rate).

    Args:
        rate: Probability that a unit is dropped, in [0, 1).

    Raises:
        TheoryError: If a rate is outside [0, 1).

    Example:
        >>> dropout_factor(0.5)
        2.0
    """
    return plain(1 / (1 - in_range("rate", rate, 0, 1, below=True)))


def gaussian_factor(rate: Numbers) -> Values:
    """E[m²] of Gaussian dropout, m ~ N(1, rate / (1 − rate)): 1 / (1 − rate).

    The variance is chosen so that the second moment is that of dropout of the same rate (Srivastava
    et al. 2014, section 10), and with it every shift.

    Args and errors are those of `dropout_factor`.

    Example:
        >>> gaussian_factor(0.2) == dropout_factor(0.2)
        True
    """
    return dropout_factor(rate)


def uniform_factor(beta: Numbers) -> Values:
    """E[m²] of uniform dropout, m = 1 + r with r ~ U(−β, β): 1 + β²/3.

    Source: Li et al. 2019, "Uout".

    Args:
        beta: Half-width β of the noise, at least 0.

    Raises:
        TheoryError: If a half-width is negative.

    Example:
        >>> round(uniform_factor(0.1), 6)
        1.003333
    """
    return plain(1 + in_range("beta", beta, 0) ** 2 / 3)


def rate_of_factor(factor: Numbers) -> Values:
    """The dropout rate with second-moment factor f: 1 − 1/f.

    Args:
        factor: Second-moment factor, at least 1.

    Raises:
        TheoryError: If a factor is below 1.

    Example:
        >>> rate_of_factor(2.0)
        0.5
    """
    return plain(1 - 1 / in_range("factor", factor, 1))


def beta_of_factor(factor: Numbers) -> Values:
    """The half-width of uniform dropout with second-moment factor f: √(3 (f − 1)).

    Args:
        factor: Second-moment factor, at least 1.

    Raises:
        TheoryError: If a factor is below 1.

    Example:
        >>> round(beta_of_factor(uniform_factor(0.1)), 12)
        0.1
    """
    return plain(np.sqrt(3 * (in_range("factor", factor, 1) - 1)))
