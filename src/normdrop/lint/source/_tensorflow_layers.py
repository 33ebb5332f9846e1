"""The functions of TensorFlow 1 that a reader of source knows: each makes a layer and calls it."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple, TypeAlias

from normdrop.lint.source._arguments import Arguments
from normdrop.lint.source._keras_layers import keras_layer
from normdrop.lint.source._torch_layers import dropout_noise
from normdrop.lint.source._values import Constant, Imported, LayerOperation
from normdrop.shifts.graph import Activation, Kind, Pool, Weight
from normdrop.values.operations import ACTIVATIONS, NOISES

Parts: TypeAlias = tuple[LayerOperation, ...]
_DROPOUT = next(each for each in NOISES if each.name == "dropout")


class _Reading(NamedTuple):
    """How one function is read: what it does, and the name of its first argument."""

    parts: "Callable[[Arguments], Parts | None]"
    taken: str


def tensorflow_call(name: str, given: Arguments) -> Parts | None:
    """What a function of TensorFlow 1 does to its first argument; None if it is not known here.

    Args:
        name: Its documented address, such as `"tensorflow.layers.dense"`.
        given: All its arguments.
    """
    reader = _FUNCTIONS.get(name)
    if reader is None:
        return None
    named = {key: value for key, value in given.named.items() if key != reader.taken}
    rest = Arguments(given.positional[len(named) == len(given.named) :], named, given.whole)
    return reader.parts(rest)


def taken(name: str) -> str:
    """The name of a function's first argument."""
    return _FUNCTIONS[name].taken if name in _FUNCTIONS else "x"


def _keras(layer: str, given: Arguments) -> Parts | None:
    """`tensorflow.layers` takes what the Keras layers took."""
    return keras_layer(layer, given)


def _dropout(given: Arguments) -> Parts:
    """Off unless it is told to train."""
    training = given.truth("training", 3, default=False)
    rate = 0.0 if training is False else given.number("rate", 0, 0.5)
    return (LayerOperation(Kind.NOISE, "dropout", dropout_noise(_DROPOUT, rate)),)


def _norm(given: Arguments) -> Parts | None:
    training = given.truth("training", None, default=False)
    # By its default it goes by what it has stored, in training too: no noise shifts it.
    return () if training is False else keras_layer("BatchNormalization", given)


def _contrib_norm(given: Arguments) -> Parts | None:
    training = given.truth("is_training", None, default=True)
    return () if training is False else keras_layer("BatchNormalization", Arguments())


def _kept(given: Arguments) -> Parts:
    """Dropout by the probability of being kept, or by its rate."""
    if given.get("rate") is not None and given.whole:
        rate = given.number("rate", None, float("nan"))
    else:
        rate = 1 - given.number("keep_prob", 0, 0.5)
    return (LayerOperation(Kind.NOISE, "dropout", dropout_noise(_DROPOUT, rate)),)


def _kept_in_training(given: Arguments) -> Parts:
    """The same, unless it is told not to train."""
    return () if given.truth("is_training", 2, default=True) is False else _kept(given)


def _contrib_weight(family: str, name: str, given: Arguments) -> Parts:
    """A weight, the norm it is given, and an activation, which is a ReLU unless it says so."""
    normalizer = given.get("normalizer_fn")
    weight = LayerOperation(
        Kind.WEIGHT,
        name,
        Weight(family),
        # An argument scope may hand a norm to it.
        bias=False,
        bias_stated=True,
        width=given.whole_number("num_outputs", 0),
    )
    parts = [weight]
    if isinstance(normalizer, Imported) and "batch_norm" in normalizer.name:
        parts.extend(keras_layer("BatchNormalization", Arguments()) or ())
    elif normalizer is not None and not (
        isinstance(normalizer, Constant) and normalizer.value is None
    ):
        parts.append(LayerOperation(Kind.UNKNOWN, "normalizer_fn"))
    activation = given.get("activation_fn")
    if activation is None:
        parts.append(LayerOperation(Kind.ACTIVATION, "relu", Activation("relu")))
    elif isinstance(activation, Imported):
        called = activation.name.rpartition(".")[2].lower()
        parts.append(LayerOperation(Kind.ACTIVATION, called, Activation(called)))
    elif not (isinstance(activation, Constant) and activation.value is None):
        parts.append(LayerOperation(Kind.UNKNOWN, "activation_fn"))
    return tuple(parts)


def _plain(part: LayerOperation, _given: Arguments) -> Parts:
    return (part,)


def _pool(method: str, name: str, given: Arguments) -> Parts:
    padded = given.text("padding", None, "VALID").upper() != "VALID"
    around = ((1, 1),) if padded else ((0, 0),)
    return (LayerOperation(Kind.POOL, name, Pool(method, (), (), (), around, ())),)


def _functions() -> Iterable[tuple[str, _Reading]]:
    layers = "tensorflow.layers"
    for layer, name in _OWN.items():
        yield f"{layers}.{name}", _Reading(partial(_keras, layer), "inputs")
    yield f"{layers}.dropout", _Reading(_dropout, "inputs")
    yield f"{layers}.batch_normalization", _Reading(_norm, "inputs")
    contrib = "tensorflow.contrib.layers"
    for name, family in _CONTRIB.items():
        yield f"{contrib}.{name}", _Reading(partial(_contrib_weight, family, name), "inputs")
    yield f"{contrib}.batch_norm", _Reading(_contrib_norm, "inputs")
    yield f"{contrib}.dropout", _Reading(_kept_in_training, "inputs")
    yield f"{contrib}.flatten", _Reading(partial(_keras, "Flatten"), "inputs")
    for method, name in (("max", "max_pool2d"), ("average", "avg_pool2d")):
        yield f"{contrib}.{name}", _Reading(partial(_pool, method, name), "inputs")
    yield "tensorflow.nn.dropout", _Reading(_kept, "x")
    for method, name in (("max", "max_pool"), ("average", "avg_pool")):
        yield f"tensorflow.nn.{name}", _Reading(partial(_pool, method, name), "value")
    for name, family in (("nn.conv2d", "convolution"), ("matmul", "linear")):
        part = LayerOperation(Kind.WEIGHT, name, Weight(family), bias_stated=True)
        yield (
            f"tensorflow.{name}",
            _Reading(partial(_plain, part), "a" if "mat" in name else "input"),
        )
    for activation in ACTIVATIONS.values():
        for name in activation.keras:
            part = LayerOperation(Kind.ACTIVATION, name, Activation(activation.name))
            yield f"tensorflow.nn.{name}", _Reading(partial(_plain, part), "features")


_OWN = {
    "Dense": "dense",
    "Flatten": "flatten",
    **{f"Conv{n}D": f"conv{n}d" for n in "123"},
    **{f"Conv{n}DTranspose": f"conv{n}d_transpose" for n in "123"},
    **{f"SeparableConv{n}D": f"separable_conv{n}d" for n in "12"},
    **{f"MaxPooling{n}D": f"max_pooling{n}d" for n in "123"},
    **{f"AveragePooling{n}D": f"average_pooling{n}d" for n in "123"},
}
_CONTRIB = {
    "fully_connected": "linear",
    "linear": "linear",
    "conv2d": "convolution",
    "convolution2d": "convolution",
    "conv2d_transpose": "transposed convolution",
    "separable_conv2d": "convolution",
}
_FUNCTIONS: Mapping[str, _Reading] = dict(_functions())
TENSORFLOW_NOISE_AND_NORMS = "dropout|batch_norm|batch_normalization"
"""The names of the functions that make a node of noise or of a norm, as a pattern."""
