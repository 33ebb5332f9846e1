"""What a shift costs: how far a model's answers are from those with right statistics."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from normdrop.values.display import percentage
from normdrop.values.severity import Severity

SCORES = (0.15, 0.03)
"""How far several outputs, scores of classes, move where a shift is an error, and a warning."""
VALUES = (0.6, 0.05)
"""The same of a single output: what is predicted is mostly noise that no statistics change."""

_SEVERAL = 2


@dataclass(frozen=True)
class Cost:
    """How far answers by the stored statistics are from those by right ones, without labels.

    Right statistics are those of what reaches a norm layer with dropout off, each layer going by
    them. What their own noise would do is taken off both numbers. The bounds of `severity` are
    calibrated on trained networks; see the page on cost.

    Attributes:
        changed: The share of answers (which of several outputs is the largest) that change; NaN
            where there is a single output.
        moved: Root mean square of the outputs' differences, in deviations of the right ones.
        answers: How many answers were looked at.
        method: Whether the inputs are the user's (`"measured"`) or those of an inversion.

    >>> cost = Cost(0.125, 0.5, 64, "measured")
    >>> cost.severity, str(cost)
    ('error', 'Right statistics would change 12.5 % of 64 answers and move scores by 0.5 of their \
deviation.')
    """

    changed: float
    moved: float
    answers: int
    method: Literal["measured", "invert"]

    @property
    def severity(self) -> Severity:
        """`"error"`, `"warning"` or `"note"`, by how far the answers move."""
        errors, warnings = SCORES if math.isfinite(self.changed) else VALUES
        if self.moved >= errors:
            return "error"
        return "warning" if self.moved >= warnings else "note"

    def __str__(self) -> str:
        """One sentence."""
        if math.isfinite(self.changed):
            return (
                f"Right statistics would change {percentage(self.changed, 1)} of {self.answers} "
                f"answers and move scores by {self.moved:.2g} of their deviation{self._on}."
            )
        return (
            f"Right statistics would move {self.answers} outputs by {self.moved:.2g} of their "
            f"deviation{self._on}."
        )

    @property
    def _on(self) -> str:
        return " on inputs found by inversion" if self.method == "invert" else ""

    def to_dict(self) -> dict[str, object]:
        """In types that JSON knows."""
        return {
            "changed": self.changed if math.isfinite(self.changed) else None,
            "moved": self.moved,
            "answers": self.answers,
            "method": self.method,
            "severity": self.severity,
        }


def cost_of(
    stored: Sequence[np.ndarray],
    right: Sequence[np.ndarray],
    again: Sequence[np.ndarray],
    method: Literal["measured", "invert"],
) -> Cost | None:
    """The cost by what a model answers; None for one without a finite output of floating point.

    Of several outputs the first counts.

    Args:
        stored: Outputs by the stored statistics, (examples, ..., channels).
        right: The same outputs by right ones.
        again: The same by right ones of half the examples. These differ from those of all as much
            as those of all do from the truth, so that their difference is noise to take off.
        method: See `Cost`.

    >>> stored, right = np.array([[0.0, 1.0], [2.0, 0.0]]), np.array([[1.0, 0.0], [2.0, 0.0]])
    >>> cost_of([stored], [right], [right], "measured").changed
    0.5
    """
    if not right or not right[0].size:
        return None
    one, other, half = stored[0], right[0], again[0]
    if not all(np.isfinite(each).all() for each in (one, other, half)):
        return None
    deviation = float(np.std(other, axis=tuple(range(other.ndim - 1))).mean())
    square = max(0.0, float(np.mean((one - other) ** 2) - np.mean((half - other) ** 2)))
    moved = math.sqrt(square) / deviation if deviation > 0 else 0.0
    changed = math.nan
    if other.shape[-1] >= _SEVERAL:
        answers = other.argmax(-1)
        noise = float(np.mean(half.argmax(-1) != answers))
        # Answers change as scores move, whose squares add up.
        changed = math.sqrt(max(0.0, float(np.mean(one.argmax(-1) != answers)) ** 2 - noise**2))
    return Cost(changed, moved, other.size // other.shape[-1], method)
