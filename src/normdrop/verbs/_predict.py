"""The expected shift, without data."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from normdrop.shifts.report import ShiftReport
from normdrop.verbs._framework import opened
from normdrop.verbs._invert import invert, inverted_report, is_trained
from normdrop.verbs._simulate import simulate, simulated
from normdrop.verbs._types import AnyModel, PredictMethod, unknown


def moments(model: object, example: object) -> ShiftReport:
    """The shift at every norm layer from carried means and variances; the model does not run.

    Where noise stands directly before a norm layer of a trained model, the stored statistics alone
    give the shift.

    Args:
        model: A model of any framework.
        example: What the model takes; see `predict`.

    Raises:
        CaptureError: The model is not built, or raised; the message names the layer.
        UsageError: An example no model could take.

    >>> from torch import nn
    >>> report = moments(nn.Sequential(nn.Dropout(0.3), nn.BatchNorm1d(8)), (8,))
    >>> round(report["1"].shift, 6)
    0.7
    """
    from normdrop.shifts.moments import carried_report

    return carried_report(opened(model, "predict").ready().capture(example))


_METHODS: Mapping[str, Callable[[object, object], ShiftReport]] = MappingProxyType(
    {"moments": moments, "simulate": simulate, "invert": invert}
)


def predict(model: AnyModel, example: object, method: PredictMethod | None = None) -> ShiftReport:
    """The expected shift at every norm layer, without data.

    Args:
        model: A `torch.nn.Module`, or a built Keras model. Nothing about it changes.
        example: What the model takes: a tensor, an array, a tuple (positional) or dict (keyword)
            of these, or in their place `normdrop.Input` or a tuple of ints, without the batch
            axis. Only shapes and element types matter.
        method: `"simulate"` runs the model in both modes on made-up inputs; `"invert"` first finds
            inputs that the stored statistics allow; `"moments"` carries means and variances
            through the model's graph. By default the first for fresh weights, and for statistics
            that few batches have reached, and the second for trained ones; the result names it.

    Returns:
        The layers, worst first, with the noise layers to blame.

    Raises:
        CaptureError: The model raised an error; the message names the module.
        UsageError: No model or one on the `meta` device, an unknown method, or an example that is
            nothing of the above.

    >>> from torch import nn
    >>> model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.Dropout(0.5), nn.BatchNorm2d(16))
    >>> report = predict(model, (3, 8, 8))
    >>> report["2"].severity, report.method, dict(report["2"].causes)
    ('error', 'simulate', {'1': 1.0})
    """
    framework = opened(model, "predict", example=example).ready()
    if method is None:
        return (inverted_report if is_trained(framework) else simulated)(framework, example)
    if method not in _METHODS:
        raise unknown(f"unknown method {method!r}", method, tuple(_METHODS))
    return _METHODS[method](model, example)
