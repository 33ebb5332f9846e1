"""What a norm layer's call is answered with."""

from typing import Any

from normdrop.keras._norm_call import NormCall
from normdrop.shifts.expected import Moments


def answer_as_called(call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
    """The output in the mode the layer was called in."""
    return call.by_batch() if call.from_batch else by_running(call)


def by_running(call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
    """The output by the layer's own moving statistics."""
    return call.by(Moments(call.layer.moving_mean, call.layer.moving_variance))
