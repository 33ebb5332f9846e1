"""The layers and functions of torch that a reader of source knows."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeAlias

from normdrop.lint.source._arguments import Arguments
from normdrop.lint.source._names import counts_classes
from normdrop.lint.source._noise_passes import torch_passing
from normdrop.lint.source._values import Constant, InTraining, LayerOperation, Symbol
from normdrop.shifts.graph import (
    Activation,
    Along,
    Distribution,
    Kind,
    Noise,
    Norm,
    Pool,
    Reshape,
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
    Function,
    NoiseOperation,
    NormOperation,
    PoolOperation,
    WeightOperation,
)

Maker: TypeAlias = Callable[[str, Arguments], tuple[LayerOperation, ...]]
"""What a class or function is, by the name it is called by and what it is called with."""


def torch_layer(name: str, given: Arguments) -> tuple[LayerOperation, ...] | None:
    """What a class of `torch.nn` does; None for one that is not known here."""
    make = _CLASSES.get(name)
    return make(name, given) if make else torch_passing(name)


def torch_function(name: str, given: Arguments) -> tuple[LayerOperation, ...] | None:
    """What a function of `torch` or `torch.nn.functional` does to its first argument."""
    make = _CALLS.get(name) or _CALLS.get(name.rstrip("_"))
    return make(name, Arguments(given.positional[1:], given.named, given.whole)) if make else None


def _dropout(noise: NoiseOperation, name: str, given: Arguments) -> tuple[LayerOperation, ...]:
    return (LayerOperation(Kind.NOISE, name, dropout_noise(noise, given.number("p", 0, 0.5))),)


def _function_dropout(
    noise: NoiseOperation, function: Function, name: str, given: Arguments
) -> tuple[LayerOperation, ...]:
    flag = function.arguments[2]
    training = given.get(flag, 1)
    on = given.truth(flag, 1, default=function.training is not False)
    rate = given.number("p", 0, 0.5)
    # Neither the mode nor a rate that follows it: it draws in evaluation just the same.
    said = training is None or (
        isinstance(training, Constant) and not isinstance(training, InTraining)
    )
    always = on is True and said and not isinstance(given.get("p", 0), InTraining)
    made = dropout_noise(noise, 0.0 if on is False else rate)
    return (LayerOperation(Kind.NOISE, name, made, always=always),)


def dropout_noise(noise: NoiseOperation, rate: float) -> Noise:
    """Dropout of a rate that may be unknown (nan)."""
    if noise.law == "alpha" and rate:
        # Its scale and offset are not those of dropout; what it does to variances is not claimed.
        rate = float("nan")
    scale = 1 / (1 - rate) if rate != 1 else 1.0
    return Noise(Distribution.BERNOULLI, Along(noise.along), rate != 0, rate=rate, scale=scale)


def _norm(norm: NormOperation, name: str, given: Arguments) -> tuple[LayerOperation, ...]:
    if norm.statistics == "own":
        return (LayerOperation(Kind.NORM, name, own_statistics(norm.name, norm.eps[0])),)
    usual = norm.statistics == "running"
    tracks = given.truth(*_at(norm, name, "track_running_stats"), default=usual)
    if tracks is None or (tracks and not usual):
        return (LayerOperation(Kind.UNKNOWN, name),)
    if not usual:
        return (LayerOperation(Kind.NORM, name, own_statistics(norm.name, norm.eps[0])),)
    made = Norm(
        norm.name,
        carries_statistics=tracks,
        uses_batch_statistics=True,
        updates_statistics=tracks,
        axes=(),
        eps=given.number(*_at(norm, name, "eps"), norm.eps[0]),
        momentum=given.number(*_at(norm, name, "momentum"), norm.momentum[0]),
    )
    width = None if _is_lazy(name) else given.whole_number("", 0)
    return (LayerOperation(Kind.NORM, name, made, width=width),)


def own_statistics(family: str, eps: float) -> Norm:
    """A norm that goes by its own input and remembers nothing."""
    return Norm(
        family,
        carries_statistics=False,
        uses_batch_statistics=True,
        updates_statistics=False,
        axes=(),
        eps=eps,
    )


def _weight(weight: WeightOperation, name: str, given: Arguments) -> tuple[LayerOperation, ...]:
    bias = _at(weight, name, "bias")
    linear = weight.family == "linear"
    kernel = () if linear else given.sizes(*_at(weight, name, "kernel_size"))
    width = _at(weight, name, "out_features" if linear else "out_channels")
    made = LayerOperation(
        Kind.WEIGHT,
        name,
        Weight(weight.family, kernel),
        bias=given.truth(*bias, default=True) is True,
        bias_stated=given.get(*bias) is not None,
        width=given.whole_number(*width),
        classes=of_classes(given.get(*width)),
    )
    return (made,)


def of_classes(width: object) -> bool:
    """Whether a width is written as the number of classes."""
    return isinstance(width, Symbol) and counts_classes(width.name)


def _at(operation: NormOperation | WeightOperation, name: str, argument: str) -> tuple[str, int]:
    """An argument of a class and its position; a lazy class finds the first out by itself."""
    return argument, operation.arguments.index(argument) - _is_lazy(name)


def _is_lazy(name: str) -> bool:
    return name.startswith("Lazy")


def _pool(
    pool: PoolOperation, shown: str, _name: str, given: Arguments
) -> tuple[LayerOperation, ...]:
    adaptive = pool.extent == "adaptive"
    padding = given.get("padding", 2)
    padded = not adaptive and padding is not None and given.number("padding", 2, 0) != 0
    around = ((1, 1),) if padded else ((0, 0),)
    size = given.sizes("output_size" if adaptive else "kernel_size", 0)
    one = adaptive and size != () and set(size) == {1}
    made = Pool(pool.method, (), size, (), around, ())
    return (LayerOperation(Kind.POOL, f"Global{shown}" if one else shown, made),)


def _activation(
    activation: ActivationOperation, name: str, _: Arguments
) -> tuple[LayerOperation, ...]:
    return (LayerOperation(Kind.ACTIVATION, name, Activation(activation.name)),)


def same_values(name: str, _: Arguments) -> tuple[LayerOperation, ...]:
    """The same values in another shape."""
    return (LayerOperation(Kind.RESHAPE, name, Reshape("view")),)


def nothing(_name: str, _given: Arguments) -> tuple[LayerOperation, ...]:
    """No node at all."""
    return ()


def _classes() -> Iterable[tuple[str, Maker]]:
    for noise in NOISES:
        yield from ((name, partial(_dropout, noise)) for name in noise.modules)
    for norm in NORMS.values():
        yield from ((name, partial(_norm, norm)) for name in norm.modules)
    for weight in WEIGHTS.values():
        yield from ((name, partial(_weight, weight)) for name in weight.modules)
    for activation in ACTIVATIONS.values():
        if activation.module:
            yield activation.module, partial(_activation, activation)
    for pool in POOLS:
        yield from ((name, partial(_pool, pool, name)) for name in pool.modules)
    for shape in SHAPES:
        yield from ((name, same_values) for name in shape.modules)
    yield "Identity", nothing


def _calls() -> Iterable[tuple[str, Maker]]:
    for noise in NOISES:
        # The functional form comes first, and its defaults count.
        for function in reversed(noise.functions):
            yield function.name, partial(_function_dropout, noise, function)
    for activation in ACTIVATIONS.values():
        if activation.module:
            yield from ((name, partial(_activation, activation)) for name in activation.functions)
    for pool in POOLS:
        for function in pool.functions if pool.modules else ():
            # Rules speak of a pooling function by the class of the same name.
            alike = function.name.replace("_", "")
            shown = next((name for name in pool.modules if name.lower() == alike), "")
            if shown:
                yield function.name, partial(_pool, pool, shown)
    for shape in SHAPES:
        if shape.how == "view":
            yield from ((name, same_values) for name in shape.functions)


_CLASSES: Mapping[str, Maker] = dict(_classes())
_CALLS: Mapping[str, Maker] = dict(_calls())
TORCH_NAMES = frozenset((*_CLASSES, "Sequential", "ModuleList", "Module"))
"""What `from torch.nn import *` is known to bring."""
TORCH_NOISE_AND_NORMS = "|".join(
    (
        *(name for norm in NORMS.values() for name in norm.modules),
        *(name for noise in NOISES for name in noise.modules),
        *(each.name for noise in NOISES for each in noise.functions),
    )
)
"""The names of what makes a node of noise or of a norm, as a pattern."""
