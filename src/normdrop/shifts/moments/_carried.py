"""The shift at every norm layer, from a graph alone."""

import numpy as np

from normdrop.shifts.graph import Captured, Kind
from normdrop.shifts.moments._report import expected_shifts
from normdrop.shifts.moments._stored import stored_shifts
from normdrop.shifts.report import ShiftReport

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
    """Whether any running variance differs from that of a new layer; means may hold a bias."""
    variances = (
        norm.parameters["running_var"]
        for norm in captured.train.of_kind(Kind.NORM)
        if "running_var" in norm.parameters
    )
    return any(bool(np.any(variance.read() != 1)) for variance in variances)
