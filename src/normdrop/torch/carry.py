"""The expected shift of a torch model, by moments carried through its graph."""

from torch import nn

from normdrop.shifts.moments import carried_report
from normdrop.shifts.report import ShiftReport
from normdrop.torch.capture import capture


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
    return carried_report(capture(model, example))
