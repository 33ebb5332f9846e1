"""The layers of Keras that a reader of source knows, by the names of all its versions."""

from collections.abc import Iterable, Mapping
from functools import partial

from normdrop.lint.source._arguments import Arguments
from normdrop.lint.source._noise_passes import KERAS_PASSING, keras_passing
from normdrop.lint.source._torch_layers import (
    Maker,
    dropout_noise,
    nothing,
    of_classes,
    own_statistics,
    same_values,
)
from normdrop.lint.source._values import Constant, Imported, LayerOperation
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
from normdrop.values.operations import (
    ACTIVATIONS,
    NOISES,
    NORMS,
    POOLS,
    SHAPES,
    WEIGHTS,
    ActivationOperation,
    NoiseOperation,
    NormOperation,
    PoolOperation,
    WeightOperation,
)

# Without a statement a file of settings outside the source decides.
_STATED = {"channels_first": 1, "channels_last": -1}
_BY_NAME = {name: each.name for each in ACTIVATIONS.values() for name in each.keras}


def keras_layer(name: str, given: Arguments) -> tuple[LayerOperation, ...] | None:
    """What a class of `keras.layers` does; None for one that is not known here."""
    make = _CLASSES.get(name)
    return make(name, given) if make else keras_passing(name, given)


def keras_merge(name: str) -> LayerOperation | None:
    """What a layer that joins a list of tensors does."""
    if name in {"Add", "add", "Subtract", "subtract", "Average", "average"}:
        return LayerOperation(Kind.ADD, name, Sum(()))
    if name in {"Concatenate", "concatenate"}:
        return LayerOperation(Kind.CONCATENATE, name, Concatenate(-1))
    if name in {"Multiply", "multiply"}:
        return LayerOperation(Kind.MULTIPLY, name)
    if name in {"Maximum", "maximum", "Minimum", "minimum", "Dot", "dot"}:
        return LayerOperation(Kind.MATMUL, name)
    return None


def _noise(noise: NoiseOperation, name: str, given: Arguments) -> tuple[LayerOperation, ...]:
    """Noise of a rate, which Keras 1 called `p`."""
    rate = given.number("p" if "p" in given.named else noise.strength[1], 0, 0.5)
    if noise.law != "gaussian":
        return (LayerOperation(Kind.NOISE, name, dropout_noise(noise, rate)),)
    spread = (rate / (1 - rate)) ** 0.5 if rate < 1 else float("nan")
    made = Noise(Distribution.GAUSSIAN, Along(noise.along), rate != 0, rate=rate, spread=spread)
    return (LayerOperation(Kind.NOISE, name, made),)


def _norm(norm: NormOperation, name: str, given: Arguments) -> tuple[LayerOperation, ...]:
    if norm.statistics == "own":
        return (LayerOperation(Kind.NORM, name, own_statistics(norm.name, norm.eps[1])),)
    axis, momentum, eps = ((each, at) for at, each in enumerate(norm.keras_arguments))
    made = Norm(
        norm.name,
        carries_statistics=True,
        uses_batch_statistics=True,
        updates_statistics=True,
        # Empty where it is stated and cannot be read.
        axes=(-1,) if given.get(*axis) is None else given.sizes(*axis),
        eps=given.number(*eps, norm.eps[1]),
        # Keras weighs the old statistic; a graph states the weight of the new one.
        momentum=1 - given.number(*momentum, 1 - norm.momentum[1]),
    )
    return (LayerOperation(Kind.NORM, name, made),)


def _weight(weight: WeightOperation, name: str, given: Arguments) -> tuple[LayerOperation, ...]:
    linear = weight.family == "linear"
    old = "bias" if "bias" in given.named else "use_bias"
    bias = given.truth(old, None, default=True)
    width, second = weight.keras_arguments
    made = LayerOperation(
        Kind.WEIGHT,
        name,
        Weight(weight.family),
        bias=bias is True,
        bias_stated=given.get(old) is not None,
        width=given.whole_number(width, 0),
        classes=of_classes(given.get(width, 0)),
        axis=None if linear else _STATED.get(given.text("data_format", None, "")),
    )
    activation = given.get("activation", 1 if second == "activation" else None)
    if activation is None:
        return (made,)
    after = _activation(activation)
    return (made, LayerOperation(Kind.UNKNOWN, "activation")) if after is None else (made, *after)


def _activation(value: object) -> tuple[LayerOperation, ...] | None:
    """The activation that a name, a function or None stands for; None if unreadable."""
    if isinstance(value, Constant):
        if value.value is None or value.value == "linear":
            return ()
        if isinstance(value.value, str):
            return (LayerOperation(Kind.ACTIVATION, value.value, _named(value.value.lower())),)
    if isinstance(value, Imported):
        name = value.name.rpartition(".")[2].lower()
        return (LayerOperation(Kind.ACTIVATION, name, _named(name)),)
    return None


def _named(name: str) -> Activation:
    return Activation(_BY_NAME.get(name, name))


def _pool(pool: PoolOperation, name: str, given: Arguments) -> tuple[LayerOperation, ...]:
    windows = pool.extent == "windows"
    padded = windows and given.text("padding", 2, "valid") != "valid"
    around = ((1, 1),) if padded or "border_mode" in given.named else ((0, 0),)
    return (LayerOperation(Kind.POOL, name, Pool(pool.method, (), (), (), around, ())),)


def _activation_layer(name: str, given: Arguments) -> tuple[LayerOperation, ...]:
    read = _activation(given.get("activation", 0))
    return (LayerOperation(Kind.UNKNOWN, name),) if read is None else read


def _advanced(
    activation: ActivationOperation, name: str, _: Arguments
) -> tuple[LayerOperation, ...]:
    return (LayerOperation(Kind.ACTIVATION, name, Activation(activation.name)),)


def _reshaped(name: str, given: Arguments) -> tuple[LayerOperation, ...]:
    """The same values in a shape whose last extent may be known."""
    shape = given.sizes("target_shape", 0)
    width = shape[-1] if shape and shape[-1] > 0 else None
    return (LayerOperation(Kind.RESHAPE, name, Reshape("view"), width=width),)


def _padded(name: str, _: Arguments) -> tuple[LayerOperation, ...]:
    return (LayerOperation(Kind.RESHAPE, name, Reshape("pad")),)


_SHAPED: Mapping[str, Maker] = {
    "view": same_values,
    "permute": same_values,
    "repeat": same_values,
    "pad": _padded,
    "slice": _padded,
}


def _classes() -> Iterable[tuple[str, Maker]]:
    for noise in NOISES:
        if noise.law != "additive":
            yield from ((name, partial(_noise, noise)) for name in noise.keras_layers)
    for norm in NORMS.values():
        yield from ((name, partial(_norm, norm)) for name in norm.keras_layers)
    for weight in WEIGHTS.values():
        if weight.family != "embedding":
            yield from ((name, partial(_weight, weight)) for name in weight.keras_layers)
    for activation in ACTIVATIONS.values():
        yield from ((name, partial(_advanced, activation)) for name in activation.keras_layers)
    for pool in POOLS:
        yield from ((name, partial(_pool, pool)) for name in pool.keras_layers)
    for shape in SHAPES:
        make = _SHAPED.get(shape.how)
        yield from ((name, make) for name in shape.keras_layers if make)
    yield "Reshape", _reshaped
    yield "Activation", _activation_layer
    yield from ((name, nothing) for name in ("InputLayer", "Identity"))


_CLASSES: Mapping[str, Maker] = dict(_classes())
KERAS_NAMES = frozenset(
    (*_CLASSES, *KERAS_PASSING, "Input", "Add", "Concatenate", "add", "concatenate", "Multiply")
)
"""What `from keras.layers import *` is known to bring."""
KERAS_NOISE_AND_NORMS = "|".join(
    (
        *(name for norm in NORMS.values() for name in norm.keras_layers),
        *(name for noise in NOISES for name in noise.keras_layers if name in _CLASSES),
    )
)
"""The names of what makes a node of noise or of a norm, as a pattern."""
