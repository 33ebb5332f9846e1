"""The expected shift of a Keras model, by moments carried through its graph."""

from typing import Any

import keras

from normdrop.keras.capture import capture
from normdrop.shifts.moments import carried_report
from normdrop.shifts.report import ShiftReport


def carry(model: keras.Model, example: Any) -> ShiftReport:  # noqa: ANN401 - arrays, shapes, nested
    """The shift at every norm layer from carried means and variances; the model does not run.

    Where noise stands directly before a norm layer of a trained model, the stored statistics alone
    give the shift.

    Args:
        model: Any built model.
        example: What the model takes; see `normdrop.keras.capture`.

    Raises:
        CaptureError: The model is not built, or its call raised; the message names the layer.
        UsageError: An example no model could take.

    >>> model = keras.Sequential([keras.layers.Dropout(0.3), keras.layers.BatchNormalization()])
    >>> model.build((None, 8))
    >>> [round(layer.shift, 6) for layer in carry(model, (8,))]
    [0.7]
    """
    return carried_report(capture(model, example))
