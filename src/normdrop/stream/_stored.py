"""The running statistics of one norm layer, as values."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Stored:
    """Mean and variance per channel that a norm layer goes by in eval mode, or is to go by.

    Attributes:
        mean: Shape (channels,).
        variance: Shape (channels,).
    """

    mean: Array
    variance: Array
