"""Recognising element-wise functions and softmax: layers, operations, and `activation=`."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from normdrop.keras.capture._description import CallOf, Describe, Description, parameter
from normdrop.shifts.graph import Activation, Kind

_RELU6 = Activation("hardtanh", {"min_val": 0.0, "max_val": 6.0})
# What Keras' functions are by the names and constants of the graph.
_BY_NAME: dict[str, Activation] = {
    **{
        name: Activation(name)
        for name in (
            *("relu", "selu", "sigmoid", "tanh", "mish", "softsign"),
            *("exp", "log", "abs", "square", "sqrt"),
        )
    },
    "silu": Activation("silu"),
    "swish": Activation("silu"),
    "hard_silu": Activation("hardswish"),
    "hard_swish": Activation("hardswish"),
    "hard_sigmoid": Activation("hardsigmoid"),
    "exponential": Activation("exp"),
    "log_sigmoid": Activation("logsigmoid"),
    "tanh_shrink": Activation("tanhshrink"),
    "relu6": _RELU6,
    "elu": Activation("elu", {"alpha": 1.0}),
    "celu": Activation("celu", {"alpha": 1.0}),
    "gelu": Activation("gelu", {"approximate": "none"}),
    "leaky_relu": Activation("leaky_relu", {"negative_slope": 0.2}),
    "softplus": Activation("softplus", {"beta": 1.0, "threshold": 20.0}),
}
_SOFTMAX = ("softmax", "log_softmax")


def named(name: str, rank: int) -> Description | None:
    """An activation by the name of Keras' function, with its defaults."""
    if name in _SOFTMAX:
        return _described(Activation(name, {"axis": float(rank - 1)}))
    known = _BY_NAME.get(name)
    return None if known is None else _described(known)


def fused(call: CallOf) -> list[Description]:
    """What `activation=` of a layer adds after it: nothing where it is linear."""
    function = getattr(call.operation, "activation", None)
    if function is None or function is keras.activations.linear:
        return []
    if isinstance(function, keras.layers.Layer):
        found = _layer(function, len(call.output))
    else:
        found = named(getattr(function, "__name__", ""), len(call.output))
    return [found or Description(Kind.UNKNOWN, operation="activation")]


def _layer(layer: keras.layers.Layer, rank: int) -> Description | None:
    for kind, settings in _LAYERS.items():
        if isinstance(layer, kind):
            return settings(layer, rank)
    return None


def _activation(layer: keras.layers.Layer, rank: int) -> Description | None:
    if layer.activation is keras.activations.linear:
        return Description(Kind.ADD, None)
    return named(getattr(layer.activation, "__name__", ""), rank)


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


def _leaky(layer: keras.layers.Layer, _: int) -> Description:
    return _described(Activation("leaky_relu", {"negative_slope": float(layer.negative_slope)}))


def _elu(layer: keras.layers.Layer, _: int) -> Description:
    return _described(Activation("elu", {"alpha": float(layer.alpha)}))


def _prelu(layer: keras.layers.Layer, rank: int) -> Description | None:
    """With one slope, or one for each channel of the last axis; the graph knows no others."""
    shape = tuple(int(extent) for extent in layer.alpha.shape)
    if any(extent != 1 for extent in shape[:-1]):
        return None
    roles = {"weight": parameter(layer.alpha, lambda values: values.reshape(-1), shape[-1:])}
    return Description(Kind.ACTIVATION, Activation("prelu"), rank - 1, roles)


def _softmax(layer: keras.layers.Layer, rank: int) -> Description | None:
    if not isinstance(layer.axis, int):
        return None
    return _described(Activation("softmax", {"axis": float(layer.axis % rank)}))


def _described(activation: Activation) -> Description:
    return Description(Kind.ACTIVATION, activation, operation=activation.name)


_LAYERS: Mapping[type, Callable[[Any, int], Description | None]] = {
    keras.layers.Activation: _activation,
    keras.layers.ReLU: _relu,
    keras.layers.LeakyReLU: _leaky,
    keras.layers.ELU: _elu,
    keras.layers.PReLU: _prelu,
    keras.layers.Softmax: _softmax,
}


def _of_layer(call: CallOf) -> Description | None:
    return _layer(call.operation, len(call.output))


ENTRIES: dict[type, Describe] = dict.fromkeys(_LAYERS, _of_layer)

# Operations of `keras.ops`, by the name of their class.
_OPERATIONS = {
    "Relu": "relu", "Relu6": "relu6", "Sigmoid": "sigmoid", "Silu": "silu", "Tanh": "tanh",
    "Mish": "mish", "Selu": "selu", "Softsign": "softsign", "Softplus": "softplus",
    "HardSigmoid": "hard_sigmoid", "HardSilu": "hard_silu", "LogSigmoid": "log_sigmoid",
    "Exp": "exp", "Log": "log", "Absolute": "abs", "Abs": "abs", "Square": "square",
    "Sqrt": "sqrt",
}  # fmt: skip


def _operation(call: CallOf) -> Description | None:
    return named(_OPERATIONS[type(call.operation).__name__], len(call.output))


def _gelu(call: CallOf) -> Description:
    how = "tanh" if call.operation.approximate else "none"
    return _described(Activation("gelu", {"approximate": how}))


def _with_constant(name: str, constant: str, attribute: str) -> Describe:
    def describe(call: CallOf) -> Description:
        return _described(Activation(name, {constant: float(getattr(call.operation, attribute))}))

    return describe


def _softmax_operation(call: CallOf) -> Description | None:
    axis = call.operation.axis
    if not isinstance(axis, int):
        return None
    name = "softmax" if type(call.operation).__name__ == "Softmax" else "log_softmax"
    return _described(Activation(name, {"axis": float(axis % len(call.output))}))


OPERATIONS: dict[str, Describe] = {
    **dict.fromkeys(_OPERATIONS, _operation),
    "Gelu": _gelu,
    "Elu": _with_constant("elu", "alpha", "alpha"),
    "Celu": _with_constant("celu", "alpha", "alpha"),
    "LeakyRelu": _with_constant("leaky_relu", "negative_slope", "negative_slope"),
    "Softmax": _softmax_operation,
    "LogSoftmax": _softmax_operation,
}
