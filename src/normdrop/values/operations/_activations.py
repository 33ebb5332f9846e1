"""Element-wise functions and softmax. A new activation is a new entry here.

Names are written out where they differ from the operation's own; a constant has the name and the
default that torch gives it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal, TypeAlias

Constants: TypeAlias = Mapping[str, float | str]
Values: TypeAlias = Any
"""An array of the module that is handed over."""
NumpyFunction: TypeAlias = Callable[[ModuleType, Values, Mapping[str, Any]], Values]
"""Takes numpy, which is not imported for the names' sake, an array and the constants."""


@dataclass(frozen=True)
class ActivationOperation:
    """One activation under all its names.

    Attributes:
        name: The field's name in lower case, as graphs have it.
        function: What it does to an array, element by element; `None` where its moments are not
            known or need more than constants.
        constants: Its constants and their defaults in torch.
        module: Its class in `torch.nn`; functions without one are not looked for in source.
        others: Other names of torch's function or method; in-place variants need none.
        signatures: Positional arguments by name of function, where they are not `input` and the
            constants.
        keras: Names in `keras.activations` and `keras.ops`, the one that Keras prefers first.
        keras_layers: Classes in `keras.layers` of any version.
        keras_constants: Defaults of Keras that differ from torch's.
        same_as: The activation that this is with constants of its own, and those.
        kind: How its calls are read: by its constants, or in a way of its own.
        in_order: Whether `act(...)` in an order knows it.
    """

    name: str
    function: NumpyFunction | None = None
    constants: Constants = field(default_factory=dict)
    module: str = ""
    others: tuple[str, ...] = ()
    signatures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keras: tuple[str, ...] = ()
    keras_layers: tuple[str, ...] = ()
    keras_constants: Constants = field(default_factory=dict)
    same_as: tuple[str, Constants] | None = None
    kind: Literal["element-wise", "softmax", "prelu", "clamp"] = "element-wise"
    in_order: bool = False

    @property
    def functions(self) -> Mapping[str, tuple[str, ...]]:
        """Names of torch's functions and methods, with those of their positional arguments."""
        plain = ("input", *self.constants, "inplace")
        return self.signatures or dict.fromkeys((self.name, *self.others), plain)

    @property
    def names(self) -> tuple[str, ...]:
        """What it is called in functions of torch and of Keras."""
        return (*self.functions, *self.keras)

    def values(self, numpy: ModuleType, x: Values, constants: Constants | None = None) -> Values:
        """The function's values at those of an array, of its shape.

        Raises:
            ValueError: It is no function of its constants alone.

        >>> import numpy as np
        >>> ACTIVATIONS["leaky_relu"].values(np, np.array([-2.0, 3.0]), {"negative_slope": 0.5})
        array([-1.,  3.])
        """
        if self.function is None:
            raise ValueError(f"{self.name} is no function of its constants alone")
        return self.function(numpy, x, {**self.constants, **(constants or {})})


def _elu(np: ModuleType, x: Values, alpha: float) -> Values:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def _sigmoid(np: ModuleType, x: Values) -> Values:
    """Written with tanh so that nothing overflows."""
    return (1 + np.tanh(x / 2)) / 2


def _gelu(np: ModuleType, x: Values, constants: Mapping[str, Any]) -> Values:
    if constants["approximate"] == "tanh":
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
        return np.asarray(x * (1 + np.tanh(inner)) / 2)
    from normdrop.values.operations.erf import error_function

    return x * (1 + error_function(x / math.sqrt(2))) / 2


_SELU_SCALE = 1.0507009873554804934193349852946
_SELU_ALPHA = 1.6732632423543772848170429916717
_Entry = ActivationOperation

_ALL = (
    _Entry(
        "relu",
        lambda np, x, _: np.maximum(x, 0.0),
        module="ReLU",
        keras=("relu",),
        keras_layers=("ReLU",),
        in_order=True,
    ),
    _Entry(
        "relu6",
        lambda np, x, _: np.clip(x, 0.0, 6.0),
        module="ReLU6",
        keras=("relu6",),
        same_as=("hardtanh", {"min_val": 0.0, "max_val": 6.0}),
        in_order=True,
    ),
    _Entry(
        "leaky_relu",
        lambda np, x, c: np.where(x > 0, x, c["negative_slope"] * x),
        {"negative_slope": 0.01},
        module="LeakyReLU",
        keras=("leaky_relu",),
        keras_layers=("LeakyReLU",),
        keras_constants={"negative_slope": 0.2},
        in_order=True,
    ),
    _Entry(
        "prelu",
        module="PReLU",
        signatures={"prelu": ("input", "weight")},
        keras_layers=("PReLU",),
        kind="prelu",
        in_order=True,
    ),
    _Entry("rrelu", None, {"lower": 1 / 8, "upper": 1 / 3}, module="RReLU"),
    _Entry(
        "elu",
        lambda np, x, c: _elu(np, x, c["alpha"]),
        {"alpha": 1.0},
        module="ELU",
        keras=("elu",),
        keras_layers=("ELU",),
        in_order=True,
    ),
    _Entry(
        "selu",
        lambda np, x, _: _SELU_SCALE * _elu(np, x, _SELU_ALPHA),
        module="SELU",
        keras=("selu",),
        in_order=True,
    ),
    _Entry(
        "celu",
        lambda np, x, c: np.asarray(c["alpha"] * _elu(np, x / c["alpha"], 1.0)),
        {"alpha": 1.0},
        module="CELU",
        keras=("celu",),
    ),
    _Entry("gelu", _gelu, {"approximate": "none"}, module="GELU", keras=("gelu",), in_order=True),
    _Entry(
        "silu",
        lambda np, x, _: x * _sigmoid(np, x),
        module="SiLU",
        keras=("silu", "swish"),
        in_order=True,
    ),
    _Entry(
        "mish",
        lambda np, x, _: np.asarray(x * np.tanh(np.logaddexp(0.0, x))),
        module="Mish",
        keras=("mish",),
        in_order=True,
    ),
    _Entry(
        "sigmoid",
        lambda np, x, _: _sigmoid(np, x),
        module="Sigmoid",
        keras=("sigmoid",),
        in_order=True,
    ),
    _Entry(
        "logsigmoid",
        lambda np, x, _: np.asarray(-np.logaddexp(0.0, -x)),
        module="LogSigmoid",
        others=("log_sigmoid",),
        keras=("log_sigmoid",),
    ),
    _Entry("tanh", lambda np, x, _: np.tanh(x), module="Tanh", keras=("tanh",), in_order=True),
    _Entry(
        "softplus",
        lambda np, x, c: np.asarray(np.logaddexp(0.0, c["beta"] * x) / c["beta"]),
        {"beta": 1.0, "threshold": 20.0},
        module="Softplus",
        keras=("softplus",),
        in_order=True,
    ),
    _Entry(
        "softsign",
        lambda np, x, _: np.asarray(x / (1 + np.abs(x))),
        module="Softsign",
        keras=("softsign",),
    ),
    _Entry(
        "hardtanh",
        lambda np, x, c: np.clip(x, c["min_val"], c["max_val"]),
        {"min_val": -1.0, "max_val": 1.0},
        module="Hardtanh",
    ),
    _Entry(
        "hardsigmoid",
        lambda np, x, _: np.clip(x / 6 + 0.5, 0.0, 1.0),
        module="Hardsigmoid",
        keras=("hard_sigmoid",),
    ),
    _Entry(
        "hardswish",
        lambda np, x, _: np.asarray(x * np.clip(x / 6 + 0.5, 0.0, 1.0)),
        module="Hardswish",
        others=("hard_swish",),
        keras=("hard_silu", "hard_swish"),
        in_order=True,
    ),
    _Entry(
        "tanhshrink",
        lambda np, x, _: np.asarray(x - np.tanh(x)),
        module="Tanhshrink",
        keras=("tanh_shrink",),
    ),
    _Entry("softshrink", None, {"lambd": 0.5}, module="Softshrink"),
    _Entry("hardshrink", None, {"lambd": 0.5}, module="Hardshrink"),
    _Entry(
        "threshold",
        None,
        {"threshold": 0.0, "value": 0.0},
        module="Threshold",
        keras_layers=("ThresholdedReLU",),
    ),
    _Entry("glu", None, {"dim": -1}, module="GLU"),
    _Entry(
        "softmax",
        module="Softmax",
        signatures={"softmax": ("input", "dim")},
        keras=("softmax",),
        keras_layers=("Softmax",),
        kind="softmax",
    ),
    _Entry(
        "log_softmax",
        module="LogSoftmax",
        signatures={"log_softmax": ("input", "dim")},
        keras=("log_softmax",),
        kind="softmax",
    ),
    _Entry("softmin", module="Softmin", signatures={"softmin": ("input", "dim")}, kind="softmax"),
    _Entry("gumbel_softmax", signatures={"gumbel_softmax": ("input", "dim")}, kind="softmax"),
    _Entry(
        "clamp",
        signatures={
            **dict.fromkeys(("clamp", "clip"), ("input", "min", "max")),
            "clamp_min": ("input", "min"),
            "clamp_max": ("input", "max"),
        },
        kind="clamp",
    ),
    _Entry("abs", lambda np, x, _: np.abs(x), keras=("abs", "absolute")),
    _Entry("square", lambda np, x, _: np.asarray(x**2), keras=("square",)),
    _Entry("exp", lambda np, x, _: np.exp(x), keras=("exp", "exponential")),
    _Entry("sin", lambda np, x, _: np.sin(x)),
    _Entry("cos", lambda np, x, _: np.cos(x)),
    _Entry("log", keras=("log",)),
    _Entry("sqrt", keras=("sqrt",)),
    _Entry("pow", None, {"exponent": 1.0}),
    *map(
        _Entry,
        ["expm1", "log1p", "log2", "rsqrt", "reciprocal", "erf", "sign", "round", "floor", "ceil"],
    ),
)
ACTIVATIONS = {each.name: each for each in _ALL}
"""Every activation by its name."""
