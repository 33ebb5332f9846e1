"""The error function, which numpy lacks. Apart from the names, so that these need no numpy."""

import math

import numpy as np
import numpy.typing as npt

_GRID = np.arange(-6.0, 6.0 + 1 / 64, 1 / 32)
_ERF_ON_GRID = np.array([math.erf(point) for point in _GRID])


def error_function(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The error function, to 1e-14: a Taylor step from the nearest of 385 tabulated points.

    Example:
        >>> import math
        >>> bool(abs(error_function([0.3])[0] - math.erf(0.3)) < 1e-14)
        True
    """
    array = np.clip(np.asarray(values, dtype=np.float64), -6.0, 6.0)
    index = np.rint((array + 6.0) * 32).astype(np.intp)
    start = _GRID[index]
    step = array - start
    slope = 2 / math.sqrt(math.pi) * np.exp(-(start**2))
    # Derivatives of erf are Hermite polynomials times its slope: H₀, H₁, … by their recurrence.
    previous, current = np.ones_like(start), -2 * start
    total, power = step * 1.0, step * 1.0
    for order in range(2, 8):
        power = power * step / order
        total = total + current * power
        previous, current = current, -2 * start * current - 2 * (order - 1) * previous
    return np.asarray(_ERF_ON_GRID[index] + slope * total, dtype=np.float64)
