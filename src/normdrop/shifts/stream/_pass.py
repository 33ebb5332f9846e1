"""What one pass over batches found."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from normdrop.shifts.stream._statistics import Seen


@dataclass(frozen=True)
class Pass:
    """What one pass over batches found.

    Attributes:
        seen: Norm layer path to what reached it.
        batches: Batches read.
        examples: Examples in them.
        frozen: Norm layers met that keep to running statistics in train mode.
        metric: The metric's value, NaN without one.
    """

    seen: Mapping[str, Seen]
    batches: int
    examples: int
    frozen: frozenset[str] = frozenset()
    metric: float = math.nan
