"""Whether stored statistics lag behind the weights, or the data are other ones."""

from torch import nn

from normdrop.errors import NormdropError
from normdrop.shifts.expected import Fit
from normdrop.shifts.stream import Arguments, Fitting
from normdrop.torch.invert import stored_fit


def fitting(model: nn.Module, inputs: Arguments) -> Fitting:
    """What tells, by running the model, which is left alone.

    Args:
        model: Any module.
        inputs: What it is called with; only shapes and types matter.
    """

    def found() -> Fit | None:
        args, kwargs = inputs
        try:
            return stored_fit(model, kwargs or args)
        except NormdropError:  # no floating-point input: none can be sought
            return None

    return found
