"""The expected shift of a torch model, by the method its weights call for."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import nn

from normdrop.errors import UsageError
from normdrop.shifts.report import ShiftReport
from normdrop.torch._stored import has_learned_statistics
from normdrop.torch._values import need_values
from normdrop.torch.carry import carry
from normdrop.torch.invert import invert
from normdrop.torch.simulate import simulate

_METHODS: Mapping[str, Callable[[nn.Module, object], ShiftReport]] = MappingProxyType(
    {"moments": carry, "simulate": simulate, "invert": invert}
)


def expected_shift(model: nn.Module, example: object, method: str | None = None) -> ShiftReport:
    """The shift at every norm layer without data.

    Args:
        model: Any module.
        example: What the model takes: a tensor, a shape without the batch axis, `normdrop.Input`,
            or a tuple or dict of these.
        method: `"moments"`, `"simulate"` or `"invert"`; by default the second for fresh weights
            (running statistics as a new layer has them) and the third for trained ones.

    Raises:
        CaptureError: The model raised; the message names the module.
        UsageError: A model on `meta`, an unknown method, or an example no model could take.
    """
    need_values(model)
    chosen = method or ("invert" if has_learned_statistics(model) else "simulate")
    if chosen not in _METHODS:
        raise UsageError(f"unknown method {chosen!r}: one of {', '.join(_METHODS)}")
    return _METHODS[chosen](model, example)
