"""The shift at every norm layer, from a graph alone."""

import numpy as np

from normdrop.graph import Captured, Kind
from normdrop.shift import ShiftReport

from ._report import expected_shifts
from ._stored import stored_shifts

_SKETCH = (
    "These weights are trained: moments know nothing of what they have learned to correlate, and "
    "are no more than a sketch except where noise stands directly before a norm layer."
)


def carried_report(captured: Captured) -> ShiftReport:
    """The shift at every norm layer from carried means and variances.

    Where noise stands directly before a norm layer of a trained model, the stored statistics alone
    give the shift.
    """
    layers = {layer.path: layer for layer in expected_shifts(captured)}
    if not _is_trained(captured):
        return ShiftReport(list(layers.values()), "moments")
    layers.update({layer.path: layer for layer in stored_shifts(captured)})
    return ShiftReport(list(layers.values()), "moments", notes=(_SKETCH,))


def _is_trained(captured: Captured) -> bool:
    """Whether any norm layer has statistics that a new one has not."""
    fresh = {"running_mean": 0.0, "running_var": 1.0}
    return any(
        bool(np.any(norm.parameters[role].read() != value))
        for norm in captured.train.of_kind(Kind.NORM)
        for role, value in fresh.items()
        if role in norm.parameters
    )
