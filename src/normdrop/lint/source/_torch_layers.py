"""The layers and functions of torch that a reader of source knows."""

import re
from collections.abc import Callable, Iterable

from normdrop.lint.source._arguments import Arguments
from normdrop.lint.source._memo import Memo
from normdrop.lint.source._values import Part
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

_ACTIVATIONS = [
    "ReLU",
    "ReLU6",
    "LeakyReLU",
    "PReLU",
    "RReLU",
    "ELU",
    "SELU",
    "CELU",
    "GELU",
    "SiLU",
    "Mish",
    "Sigmoid",
    "Tanh",
    "Softplus",
    "Softsign",
    "Hardtanh",
    "Hardswish",
    "Hardsigmoid",
    "LogSigmoid",
    "Softmax",
    "LogSoftmax",
    "Tanhshrink",
    "Softshrink",
    "Threshold",
]
_FUNCTIONS = [
    "relu",
    "relu_",
    "relu6",
    "leaky_relu",
    "leaky_relu_",
    "prelu",
    "rrelu",
    "elu",
    "elu_",
    "selu",
    "celu",
    "gelu",
    "silu",
    "mish",
    "sigmoid",
    "tanh",
    "softplus",
    "softsign",
    "hardtanh",
    "hardswish",
    "hardsigmoid",
    "logsigmoid",
    "softmax",
    "log_softmax",
]
_SAME = {"Flatten", "Unflatten", "PixelShuffle", "PixelUnshuffle", "ChannelShuffle"}
_DROPOUTS = {
    "Dropout": Along.ELEMENT,
    "Dropout1d": Along.CHANNEL,
    "Dropout2d": Along.CHANNEL,
    "Dropout3d": Along.CHANNEL,
    "AlphaDropout": Along.ELEMENT,
    "FeatureAlphaDropout": Along.CHANNEL,
}
_OWN_STATISTICS = {"LayerNorm": "layer", "GroupNorm": "group", "RMSNorm": "rms"}

_CONVOLUTIONS = [f"{kind}{rank}d" for kind in ("Conv", "ConvTranspose") for rank in (1, 2, 3)]
_BATCHES = [f"BatchNorm{rank}d" for rank in (1, 2, 3)]
_WINDOWS = [f"{kind}Pool{rank}d" for kind in ("Max", "Avg") for rank in (1, 2, 3)]
TORCH_NAMES = frozenset(
    (
        *(*_ACTIVATIONS, *_CONVOLUTIONS, *_BATCHES, *_WINDOWS, *_DROPOUTS, *_OWN_STATISTICS),
        *("Linear", "Flatten", "Identity", "Sequential", "ModuleList", "Module"),
    )
)
"""What `from torch.nn import *` is known to bring."""


def torch_layer(name: str, given: Arguments) -> tuple[Part, ...] | None:
    """What a class of `torch.nn` does; None for one that is not known here."""
    make = _class_makers[name]
    return make(name, given) if make else None


def torch_function(name: str, given: Arguments) -> tuple[Part, ...] | None:
    """What a function of `torch` or `torch.nn.functional` does to its first argument."""
    make = _call_makers[name]
    return make(name, Arguments(given.positional[1:], given.named, given.whole)) if make else None


def _plain(name: str) -> str:
    return {"LeakyReLU": "leaky_relu", "LogSoftmax": "log_softmax"}.get(name, name.lower())


def _dropout(name: str, given: Arguments) -> tuple[Part, ...]:
    rate = given.number("p", 0, 0.5)
    if name.endswith("AlphaDropout"):
        # Its scale and offset are not those of dropout; what it does to variances is not claimed.
        rate = rate if rate == 0 else float("nan")
    return (Part(Kind.NOISE, name, bernoulli(rate, _DROPOUTS[name])),)


def _function_dropout(name: str, given: Arguments) -> tuple[Part, ...]:
    along = Along.CHANNEL if name.endswith("d") else Along.ELEMENT
    training = given.get("training", 1)
    rate = given.number("p", 0, 0.5)
    off = training is not None and given.truth("training", 1, default=True) is False
    return (Part(Kind.NOISE, name, bernoulli(0.0 if off else rate, along)),)


def bernoulli(rate: float, along: Along) -> Noise:
    """Dropout of a rate that may be unknown (nan)."""
    scale = 1 / (1 - rate) if rate != 1 else 1.0
    return Noise(Distribution.BERNOULLI, along, rate != 0, rate=rate, scale=scale)


def _batch_norm(name: str, given: Arguments) -> tuple[Part, ...]:
    lazy = name.startswith("Lazy")
    shift = -1 if lazy else 0
    tracks = given.truth("track_running_stats", 4 + shift, default=True)
    if tracks is None:
        return (Part(Kind.UNKNOWN, name),)
    momentum = given.number("momentum", 2 + shift, 0.1)
    eps = given.number("eps", 1 + shift, 1e-5)
    norm = Norm(
        "batch",
        carries_statistics=tracks,
        uses_batch_statistics=True,
        updates_statistics=tracks,
        axes=(),
        eps=eps,
        momentum=momentum,
    )
    return (Part(Kind.NORM, name, norm, width=None if lazy else given.whole_number("", 0)),)


def _instance_norm(name: str, given: Arguments) -> tuple[Part, ...]:
    tracks = given.truth("track_running_stats", 4, default=False)
    if tracks is not False:
        return (Part(Kind.UNKNOWN, name),)
    norm = Norm(
        "instance",
        carries_statistics=False,
        uses_batch_statistics=True,
        updates_statistics=False,
        axes=(),
        eps=1e-5,
    )
    return (Part(Kind.NORM, name, norm),)


def _weight(name: str, given: Arguments) -> tuple[Part, ...]:
    lazy = name.startswith("Lazy")
    linear = name.endswith("Linear")
    transposed = "Transpose" in name
    position = 2 if linear else (8 if transposed else 7)
    bias = given.truth("bias", position - lazy, default=True)
    family = "linear" if linear else ("transposed convolution" if transposed else "convolution")
    kernel = () if linear else given.sizes("kernel_size", 2 - lazy)
    weight = Part(
        Kind.WEIGHT,
        name,
        Weight(family, kernel),
        bias=bias is True,
        bias_stated=given.get("bias", position - lazy) is not None,
        width=given.whole_number("out_features" if linear else "out_channels", 1 - lazy),
    )
    return (weight,)


def _pool(name: str, given: Arguments) -> tuple[Part, ...]:
    adaptive = name.startswith("Adaptive")
    method = "max" if "Max" in name else "average"
    padding = given.get("padding", 2)
    padded = not adaptive and padding is not None and given.number("padding", 2, 0) != 0
    around = ((1, 1),) if padded else ((0, 0),)
    size = given.sizes("output_size" if adaptive else "kernel_size", 0)
    one = adaptive and size != () and set(size) == {1}
    pool = Pool(method, (), size, (), around, ())
    return (Part(Kind.POOL, f"Global{name}" if one else name, pool),)


def _activation(name: str, _given: Arguments) -> tuple[Part, ...]:
    return (Part(Kind.ACTIVATION, name, Activation(_plain(name))),)


def _function_activation(name: str, _given: Arguments) -> tuple[Part, ...]:
    return (Part(Kind.ACTIVATION, name, Activation(name.rstrip("_"))),)


def _function_pool(name: str, given: Arguments) -> tuple[Part, ...]:
    words = name.split("_")
    return _pool(
        "".join(word[0].upper() + word[1:] for word in words[:-1]) + "P" + words[-1][1:], given
    )


def _same(name: str, _given: Arguments) -> tuple[Part, ...]:
    return (Part(Kind.RESHAPE, name, Reshape("view")),)


def _own_statistics(name: str, _given: Arguments) -> tuple[Part, ...]:
    norm = Norm(
        _OWN_STATISTICS[name],
        carries_statistics=False,
        uses_batch_statistics=True,
        updates_statistics=False,
        axes=(),
        eps=1e-5,
    )
    return (Part(Kind.NORM, name, norm),)


_Maker = Callable[[str, Arguments], tuple[Part, ...]]


def _any(names: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(names))


Makers = tuple[tuple[re.Pattern[str], _Maker], ...]


def first_maker(makers: Makers) -> Memo[str, _Maker | None]:
    """For each name, the first of some makers whose pattern it fits."""
    return Memo(lambda name: next((make for known, make in makers if known.fullmatch(name)), None))


_CLASSES: Makers = (
    (_any(_DROPOUTS), _dropout),
    (re.compile(r"(Lazy)?BatchNorm[123]d|SyncBatchNorm"), _batch_norm),
    (_any(_OWN_STATISTICS), _own_statistics),
    (re.compile(r"(Lazy)?InstanceNorm[123]d"), _instance_norm),
    (re.compile(r"(Lazy)?(Conv|ConvTranspose)[123]d|(Lazy)?Linear"), _weight),
    (_any(_ACTIVATIONS), _activation),
    (re.compile(r"(Adaptive)?(Max|Avg)Pool[123]d"), _pool),
    (_any(_SAME), _same),
    (re.compile(r"Identity"), lambda _name, _given: ()),
)
_CALLS: Makers = (
    (_any(_FUNCTIONS), _function_activation),
    (re.compile(r"dropout[123]?d?|alpha_dropout"), _function_dropout),
    (re.compile(r"(adaptive_)?(max|avg)_pool[123]d"), _function_pool),
    (re.compile(r"flatten|reshape|squeeze|unsqueeze"), _same),
)
_class_makers, _call_makers = first_maker(_CLASSES), first_maker(_CALLS)
TORCH_NOISE_AND_NORMS = "|".join(
    known.pattern
    for known, make in (*_CLASSES, *_CALLS)
    if make in {_dropout, _function_dropout, _batch_norm, _instance_norm, _own_statistics}
)
"""The names of what makes a node of noise or of a norm, as a pattern."""
