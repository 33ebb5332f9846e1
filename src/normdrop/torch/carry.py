"""The expected shift of a torch model, by moments carried through its graph."""

from torch import nn

from normdrop.moments import expected_shifts, stored_shifts
from normdrop.shift import ShiftReport
from normdrop.torch._stored import has_statistics
from normdrop.torch.capture import capture

_SKETCH = (
    "These weights are trained: moments know nothing of what they have learned to correlate, and "
    "are no more than a sketch except where noise stands directly before a norm layer."
)


def carry(model: nn.Module, example: object) -> ShiftReport:
    """The shift at every norm layer from carried means and variances; the model does not run.

    Where noise stands directly before a norm layer of a trained model, the stored statistics alone
    give the shift.

    Args:
        model: Any module.
        example: What the model takes: a tensor, a shape without the batch axis, `normdrop.Input`,
            or a tuple or dict of these.

    Raises:
        CaptureError: The model raised; the message names the module.
        UsageError: An example no model could take.

    >>> report = carry(nn.Sequential(nn.Dropout(0.3), nn.BatchNorm1d(8)), (8,))
    >>> round(report["1"].shift, 6)
    0.7
    """
    captured = capture(model, example)
    layers = {layer.path: layer for layer in expected_shifts(captured)}
    if not has_statistics(model):
        return ShiftReport(list(layers.values()), "moments")
    layers.update({layer.path: layer for layer in stored_shifts(captured)})
    return ShiftReport(list(layers.values()), "moments", notes=(_SKETCH,))
