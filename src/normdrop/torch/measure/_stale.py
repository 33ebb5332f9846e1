"""Whether stored statistics lag behind the weights, or the data are other ones."""

from torch import nn

from normdrop.display import percentage
from normdrop.errors import NormdropError
from normdrop.expected import INITIAL_ABOVE
from normdrop.stream import Arguments, Verdict
from normdrop.torch._fit import initial_share
from normdrop.torch.invert import stored_fit


def stale(model: nn.Module, inputs: Arguments) -> Verdict:
    """What answers, by running the model, in the terms of a `Verdict`; the model is left alone.

    Args:
        model: Any module.
        inputs: What it is called with; only shapes and types matter.
    """

    def verdict() -> str | None:
        share = initial_share(model)
        args, kwargs = inputs
        try:
            fit = stored_fit(model, kwargs or args)
        except NormdropError:  # no floating-point input: none can be sought
            return None
        if not fit.lags:
            return ""
        if share > INITIAL_ABOVE:
            return f"the values it began with still weigh {percentage(share, 0)}"
        return "no inputs would give these weights the stored statistics"

    return verdict
