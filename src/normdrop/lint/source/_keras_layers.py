"""The layers of Keras that a reader of source knows, by the names of all its versions."""

import re

from normdrop.lint.source._arguments import Arguments
from normdrop.lint.source._torch_layers import Makers, bernoulli, first_maker
from normdrop.lint.source._values import Constant, Imported, Part
from normdrop.shifts.graph import (
    Activation,
    Along,
    Concatenate,
    Distribution,
    Kind,
    Noise,
    Norm,
    Pool,
    Reshape,
    Sum,
    Weight,
)

_ADVANCED = {
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "PReLU": "prelu",
    "ELU": "elu",
    "Softmax": "softmax",
    "ThresholdedReLU": "threshold",
}
_SAME = {"Flatten", "Reshape", "Permute", "RepeatVector"}
_DROPOUTS = {
    "Dropout": Along.ELEMENT,
    "SpatialDropout1D": Along.CHANNEL,
    "SpatialDropout2D": Along.CHANNEL,
    "SpatialDropout3D": Along.CHANNEL,
}
# Without a statement a file of settings outside the source decides.
_STATED = {"channels_first": 1, "channels_last": -1}

_CONVOLUTIONS = [f"Conv{rank}D" for rank in (1, 2, 3)]
_WINDOWS = [
    f"{extent}{kind}Pooling{rank}D"
    for extent in ("", "Global")
    for kind in ("Max", "Average")
    for rank in (1, 2, 3)
]
KERAS_NAMES = frozenset(
    (
        *(*_CONVOLUTIONS, *_WINDOWS, *_ADVANCED, *_SAME, *_DROPOUTS, "Dense", "BatchNormalization"),
        *("Input", "Activation", "Convolution2D", "ZeroPadding2D", "GaussianDropout"),
        *("Add", "Concatenate", "add", "concatenate", "LayerNormalization", "InputLayer"),
    )
)
"""What `from keras.layers import *` is known to bring."""


def keras_layer(name: str, given: Arguments) -> tuple[Part, ...] | None:
    """What a class of `keras.layers` does; None for one that is not known here."""
    make = _makers[name]
    return make(name, given) if make else None


def keras_merge(name: str) -> Part | None:
    """What a layer that joins a list of tensors does."""
    if name in {"Add", "add"}:
        return Part(Kind.ADD, name, Sum(()))
    if name in {"Concatenate", "concatenate"}:
        return Part(Kind.CONCATENATE, name, Concatenate(-1))
    if name in {"Multiply", "multiply"}:
        return Part(Kind.MULTIPLY, name)
    return None


def _gaussian(name: str, given: Arguments) -> tuple[Part, ...]:
    rate = given.number("rate", 0, 0.5)
    spread = (rate / (1 - rate)) ** 0.5 if rate < 1 else float("nan")
    noise = Noise(Distribution.GAUSSIAN, Along.ELEMENT, rate != 0, rate=rate, spread=spread)
    return (Part(Kind.NOISE, name, noise),)


def _batch_norm(name: str, given: Arguments) -> tuple[Part, ...]:
    # Keras weighs the old statistic; a graph states the weight of the new one.
    momentum = 1 - given.number("momentum", 1, 0.99)
    eps = given.number("epsilon", 2, 1e-3)
    # Empty where it is stated and cannot be read.
    axes = (-1,) if given.get("axis", 0) is None else given.sizes("axis", 0)
    norm = Norm(
        "batch",
        carries_statistics=True,
        uses_batch_statistics=True,
        updates_statistics=True,
        axes=axes,
        eps=eps,
        momentum=momentum,
    )
    return (Part(Kind.NORM, name, norm),)


def _weight(name: str, given: Arguments) -> tuple[Part, ...]:
    family = "linear" if name == "Dense" else "convolution"
    if "Transpose" in name or name.startswith("Deconvolution"):
        family = "transposed convolution"
    old = "bias" if "bias" in given.named else "use_bias"
    bias = given.truth(old, None, default=True)
    weight = Part(
        Kind.WEIGHT,
        name,
        Weight(family),
        bias=bias is True,
        bias_stated=given.get(old) is not None,
        width=given.whole_number("units" if family == "linear" else "filters", 0),
        axis=_STATED.get(given.text("data_format", None, "")) if family != "linear" else None,
    )
    activation = given.get("activation", _activation_position(name))
    if activation is None:
        return (weight,)
    after = _activation(activation)
    return (weight, Part(Kind.UNKNOWN, "activation")) if after is None else (weight, *after)


def _activation_position(name: str) -> int | None:
    return 1 if name == "Dense" else None


def _activation(value: object) -> tuple[Part, ...] | None:
    """The activation that a name, a function or None stands for; None if unreadable."""
    if isinstance(value, Constant):
        if value.value is None or value.value == "linear":
            return ()
        if isinstance(value.value, str):
            return (Part(Kind.ACTIVATION, value.value, Activation(value.value.lower())),)
    if isinstance(value, Imported):
        name = value.name.rpartition(".")[2].lower()
        return (Part(Kind.ACTIVATION, name, Activation(name)),)
    return None


def _pool(name: str, given: Arguments) -> tuple[Part, ...]:
    method = "max" if "Max" in name else "average"
    same = given.text("padding", 2, "valid") != "valid" and not name.startswith("Global")
    around = ((1, 1),) if same or "border_mode" in given.named else ((0, 0),)
    return (Part(Kind.POOL, name, Pool(method, (), (), (), around, ())),)


def _dropout(name: str, given: Arguments) -> tuple[Part, ...]:
    rate = given.number("p" if "p" in given.named else "rate", 0, 0.5)
    return (Part(Kind.NOISE, name, bernoulli(rate, _DROPOUTS[name])),)


def _own_statistics(name: str, _given: Arguments) -> tuple[Part, ...]:
    norm = Norm(
        name.removesuffix("Normalization").lower(),
        carries_statistics=False,
        uses_batch_statistics=True,
        updates_statistics=False,
        axes=(),
        eps=1e-3,
    )
    return (Part(Kind.NORM, name, norm),)


def _activation_layer(name: str, given: Arguments) -> tuple[Part, ...]:
    read = _activation(given.get("activation", 0))
    return (Part(Kind.UNKNOWN, name),) if read is None else read


def _advanced(name: str, _given: Arguments) -> tuple[Part, ...]:
    return (Part(Kind.ACTIVATION, name, Activation(_ADVANCED[name])),)


_CLASSES: Makers = (
    (re.compile("|".join(_DROPOUTS)), _dropout),
    (re.compile("GaussianDropout"), _gaussian),
    (re.compile("BatchNormalization"), _batch_norm),
    (re.compile("(Layer|Group|RMS)Normalization"), _own_statistics),
    (
        re.compile(
            r"Dense|((Separable|Depthwise)?Conv|Convolution)[123]D(Transpose)?|Deconvolution[23]D"
        ),
        _weight,
    ),
    (re.compile("Activation"), _activation_layer),
    (re.compile("|".join(_ADVANCED)), _advanced),
    (re.compile("(Global)?(Max|Average)Pool(ing)?[123]D"), _pool),
    (
        re.compile("|".join(_SAME)),
        lambda name, _given: (Part(Kind.RESHAPE, name, Reshape("view")),),
    ),
    (
        re.compile("ZeroPadding[123]D|Cropping[123]D"),
        lambda name, _given: (Part(Kind.RESHAPE, name, Reshape("pad")),),
    ),
    (re.compile("InputLayer|Identity"), lambda _name, _given: ()),
)
_makers = first_maker(_CLASSES)
KERAS_NOISE_AND_NORMS = "|".join(
    known.pattern
    for known, make in _CLASSES
    if make in {_dropout, _gaussian, _batch_norm, _own_statistics}
)
"""The names of what makes a node of noise or of a norm, as a pattern."""
