"""Recognising element-wise functions and softmax: layers, operations, and `activation=`."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras

from normdrop.keras.capture._description import CallOf, Describe, Description, parameter
from normdrop.shifts.graph import Activation, Kind
from normdrop.values.operations import ACTIVATIONS, ActivationOperation

_BY_NAME = {name: each for each in ACTIVATIONS.values() for name in each.keras}
"""What Keras' functions are, by their names."""


def activation_named(name: str, rank: int, operation: object = None) -> Description | None:
    """An activation by the name of Keras' function, with the constants of an operation or layer."""
    known = _BY_NAME.get(name)
    return None if known is None else _read(known, rank, operation)


def _read(known: ActivationOperation, rank: int, operation: object) -> Description | None:
    """An activation; what an operation does not state is as Keras has it by default."""
    if known.kind == "softmax":
        axis = getattr(operation, "axis", -1)
        if not isinstance(axis, int):
            return None
        return _described(Activation(known.name, {"axis": float(axis % rank)}))
    if known.same_as is not None:
        return _described(Activation(*known.same_as))
    defaults = {**known.constants, **known.keras_constants}
    return _described(
        Activation(
            known.name,
            {key: _constant(getattr(operation, key, usual)) for key, usual in defaults.items()},
        )
    )


def _constant(value: Any) -> float | str:  # noqa: ANN401 - a number, a word or a flag
    """A constant as torch gives it; Keras' flag for an approximation is a word there."""
    if isinstance(value, bool):
        return "tanh" if value else "none"
    return value if isinstance(value, str) else float(value)


def fused(call: CallOf) -> list[Description]:
    """What `activation=` of a layer adds after it: nothing where it is linear."""
    function = getattr(call.operation, "activation", None)
    if function is None or function is keras.activations.linear:
        return []
    if isinstance(function, keras.layers.Layer):
        found = _layer(function, len(call.output))
    else:
        found = activation_named(getattr(function, "__name__", ""), len(call.output))
    return [found or Description(Kind.UNKNOWN, operation="activation")]


def _layer(layer: keras.layers.Layer, rank: int) -> Description | None:
    for kind, describe in _LAYERS.items():
        if isinstance(layer, kind):
            return describe(layer, rank)
    return None


def _activation(layer: keras.layers.Layer, rank: int) -> Description | None:
    if layer.activation is keras.activations.linear:
        return Description(Kind.ADD, None)
    return activation_named(getattr(layer.activation, "__name__", ""), rank)


def _relu(layer: keras.layers.Layer, _: int) -> Description | None:
    slope = float(layer.negative_slope or 0.0)
    if float(layer.threshold or 0.0) != 0.0:
        return None
    if layer.max_value is not None:
        limits = {"min_val": 0.0, "max_val": float(layer.max_value)}
        return None if slope else _described(Activation("hardtanh", limits))
    return _described(
        Activation("leaky_relu", {"negative_slope": slope}) if slope else Activation("relu")
    )


def _prelu(layer: keras.layers.Layer, rank: int) -> Description | None:
    """With one slope, or one for each channel of the last axis; the graph knows no others."""
    shape = tuple(int(extent) for extent in layer.alpha.shape)
    if any(extent != 1 for extent in shape[:-1]):
        return None
    roles = {"weight": parameter(layer.alpha, lambda values: values.reshape(-1), shape[-1:])}
    return Description(Kind.ACTIVATION, Activation("prelu"), rank - 1, roles)


def _described(activation: Activation) -> Description:
    return Description(Kind.ACTIVATION, activation, operation=activation.name)


def _by_constants(known: ActivationOperation) -> Callable[[Any, int], Description | None]:
    return lambda layer, rank: _read(known, rank, layer)


_SPECIAL: Mapping[str, Callable[[Any, int], Description | None]] = {
    "ReLU": _relu,
    "PReLU": _prelu,
}
_LAYERS: Mapping[type, Callable[[Any, int], Description | None]] = {
    keras.layers.Activation: _activation,
    **{
        getattr(keras.layers, name): _SPECIAL.get(name, _by_constants(each))
        for each in ACTIVATIONS.values()
        for name in each.keras_layers
        if hasattr(keras.layers, name)  # not every version has all
    },
}


def _of_layer(call: CallOf) -> Description | None:
    return _layer(call.operation, len(call.output))


ENTRIES: dict[type, Describe] = dict.fromkeys(_LAYERS, _of_layer)


def _of_operation(name: str, call: CallOf) -> Description | None:
    return activation_named(name, len(call.output), call.operation)


OPERATIONS: dict[str, Describe] = {
    name.title().replace("_", ""): partial(_of_operation, name) for name in _BY_NAME
}
"""Operations of `keras.ops`, by the name of their class: that of the function, in capitals."""
