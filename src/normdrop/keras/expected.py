"""The expected shift of a Keras model, by the method its weights call for."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import keras

from normdrop.errors import UsageError
from normdrop.keras._stored import has_learned_statistics
from normdrop.keras.capture import check_built
from normdrop.keras.carry import carry
from normdrop.keras.invert import invert
from normdrop.keras.simulate import simulate
from normdrop.shifts.report import ShiftReport

_METHODS: Mapping[str, Callable[[keras.Model, Any], ShiftReport]] = MappingProxyType(
    {"moments": carry, "simulate": simulate, "invert": invert}
)


def expected_shift(
    model: keras.Model,
    example: Any,  # noqa: ANN401 - arrays, shapes, nested
    method: str | None = None,
) -> ShiftReport:
    """The shift at every norm layer without data.

    Args:
        model: Any built model.
        example: What the model takes: a tensor, a shape without the batch axis, `normdrop.Input`,
            or a list, tuple or dict of these.
        method: `"moments"`, `"simulate"` or `"invert"`; by default the second for fresh weights
            (moving statistics as a new layer has them) and the third for trained ones.

    Raises:
        CaptureError: The model is not built, or its call raised; the message names the layer.
        UsageError: An unknown method, or an example no model could take.
    """
    check_built(model)
    chosen = method or ("invert" if has_learned_statistics(model) else "simulate")
    if chosen not in _METHODS:
        raise UsageError(f"unknown method {chosen!r}: one of {', '.join(_METHODS)}")
    return _METHODS[chosen](model, example)
