"""Holm's adjustment of p-values."""

import numpy as np
from numpy.typing import NDArray


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """P-values adjusted by Holm's step-down method; it needs nothing of their dependence.

    The i-th smallest of m is multiplied by m − i + 1, made no smaller than those before it, and at
    most 1 (Holm 1979, "A simple sequentially rejective multiple test procedure").

    Example:
        >>> holm(np.array([0.01, 0.04, 0.03]))
        array([0.03, 0.06, 0.06])
    """
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    return adjusted
