"""The expected shift, without data."""

from normdrop.shifts.report import ShiftReport
from normdrop.verbs._framework import is_keras, torch_model


def predict(model: object, example: object, method: str | None = None) -> ShiftReport:
    """The expected shift at every norm layer, without data.

    Args:
        model: A `torch.nn.Module`, or a built Keras model. Nothing about it changes.
        example: What the model takes: a tensor, an array, a tuple (positional) or dict (keyword)
            of these, or in their place `normdrop.Input` or a tuple of ints, without the batch
            axis. Only shapes and element types matter.
        method: `"simulate"` runs the model in both modes on made-up inputs; `"invert"` first finds
            inputs that the stored statistics allow; `"moments"` carries means and variances
            through the model's graph. By default the first for fresh weights and the second for
            trained ones; the result names it.

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
    if is_keras(model):
        from normdrop.keras.expected import expected_shift as expected_of_keras

        return expected_of_keras(model, example, method)
    from normdrop.torch.expected import expected_shift

    return expected_shift(torch_model(model, "predict"), example, method)
