"""Recognising element-wise functions and softmax."""

from functools import partial

from normdrop.shifts.graph import Activation, Kind
from normdrop.torch.capture._call import Call, CallReader, Description
from normdrop.values.operations import ACTIVATIONS, ActivationOperation


def _elementwise(operation: ActivationOperation, call: Call) -> Description | None:
    """An activation, once every constant it takes is a number or a word."""
    name, fixed = operation.same_as or (operation.name, {})
    read: dict[str, float | str] = {**fixed}
    for key, default in operation.constants.items():
        value = call.get(key, default)
        if not isinstance(value, str):
            number = call.number(value)
            if number is None:
                return None
            value = number
        read[key] = value
    return Description(Kind.ACTIVATION, Activation(name, read), sources=[call.x])


def _softmax(operation: ActivationOperation, call: Call) -> Description:
    axis = call.get("dim")
    axis = (1 if call.x.ndim > 1 else 0) if axis is None else int(axis) % call.x.ndim
    return Description(Kind.ACTIVATION, Activation(operation.name, {"axis": float(axis)}))


def _prelu(_: ActivationOperation, call: Call) -> Description:
    return Description(Kind.ACTIVATION, Activation("prelu"), 1, {"weight": call.get("weight")})


def _clamp(_: ActivationOperation, call: Call) -> Description | None:
    low, high = call.get("min"), call.get("max")
    settings = {
        "min_val": float("-inf") if low is None else call.number(low),
        "max_val": float("inf") if high is None else call.number(high),
    }
    known = {key: value for key, value in settings.items() if value is not None}
    if len(known) < len(settings):
        return None
    return Description(Kind.ACTIVATION, Activation("hardtanh", known), sources=[call.x])


_READERS = {
    "element-wise": _elementwise,
    "softmax": _softmax,
    "prelu": _prelu,
    "clamp": _clamp,
}
ENTRIES = {
    name: CallReader(arguments, partial(_READERS[each.kind], each))
    for each in ACTIVATIONS.values()
    for name, arguments in each.functions.items()
}
