"""The running statistics of one norm layer, as values."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from normdrop.shifts.expected import Moments

Array: TypeAlias = NDArray[np.float64]
Stored: TypeAlias = Moments[Array]
"""What a norm layer goes by in eval mode, or is to go by: shape (channels,) each; float64.

The variance is as the framework keeps it: Keras' is biased, torch's unbiased until `recalibrate`
sets it.
"""
