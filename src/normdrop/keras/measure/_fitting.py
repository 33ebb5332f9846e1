"""Whether stored statistics lag behind the weights, or the data are other ones."""

import keras

from normdrop.errors import NormdropError
from normdrop.keras.invert import stored_fit
from normdrop.shifts.expected import Fit
from normdrop.shifts.stream import Arguments, Fitting


def fitting(model: keras.Model, inputs: Arguments) -> Fitting:
    """What tells, by running the model, which is left alone.

    Args:
        model: Any built model.
        inputs: What it is called with; only shapes and types matter.
    """

    def found() -> Fit | None:
        args, kwargs = inputs
        if kwargs or len(args) != 1:
            return None
        try:
            return stored_fit(model, args[0])
        except NormdropError:  # no floating-point input, or no gradients: none can be sought
            return None

    return found
