"""Numbers as text, with as many digits as their uncertainty bears."""

import math


def rounded(value: float, uncertainty: float | None = None, digits: int = 4) -> str:
    """A number with the digits that its uncertainty bears.

    The uncertainty keeps two significant digits if they are 35 or less, else one, and the value as
    many decimals (the rounding rule of the Particle Data Group's Review, section 5.3).

    Args:
        value: The number; infinities and NaN are shown by name.
        uncertainty: Half the width of its interval; None or zero for `digits` significant digits.
        digits: Significant digits where no uncertainty is known.

    Example:
        >>> rounded(0.0388868, 0.00213), rounded(0.0388868), rounded(1234.5678, 21.0)
        ('0.0389', '0.03889', '1235')
        >>> rounded(float("nan"))
        'nan'
    """
    if not math.isfinite(value):
        return str(value)
    if uncertainty and math.isfinite(uncertainty):
        return f"{value:.{_uncertain_decimals(uncertainty)}f}"
    return f"{value:.{_decimals(value, digits)}f}" if value else "0"


def _decimals(value: float, digits: int) -> int:
    """Decimals that show `digits` significant digits of a value, after rounding it to them."""
    exponent = int(f"{abs(value):.{digits - 1}e}".partition("e")[2])
    return max(0, digits - 1 - exponent)


def _uncertain_decimals(uncertainty: float) -> int:
    last_pair, last_lone = 354, 950
    leading = int(f"{uncertainty:.2e}".replace(".", "")[:3])
    return _decimals(uncertainty, 1 if last_pair < leading < last_lone else 2)


def with_uncertainty(value: float, uncertainty: float) -> str:
    """A number and half the width of its interval, to the same decimals.

    Example:
        >>> with_uncertainty(0.0388868, 0.00213)
        '0.0389 ± 0.0021'
    """
    return f"{rounded(value, uncertainty)} ± {rounded(uncertainty, uncertainty)}"


def percentage(fraction: float, decimals: int = 2) -> str:
    """A fraction as a percentage.

    Example:
        >>> percentage(0.98765)
        '98.77 %'
    """
    return f"{100 * fraction:.{decimals}f} %"


def duration(seconds: float) -> str:
    """A time span in the two largest units that matter.

    Example:
        >>> duration(0.82), duration(75), duration(7384)
        ('0.8 s', '1 min 15 s', '2 h 3 min')
    """
    minute, hour = 60, 3600
    if seconds < minute:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < hour:
        return f"{whole // minute} min {whole % minute} s"
    return f"{whole // hour} h {whole % hour // minute} min"
