"""Pooling and reductions over whole axes. A new way to pool is a new entry here."""

from dataclasses import dataclass
from typing import Literal

from normdrop.values.operations._spelling import Function, functions


@dataclass(frozen=True)
class PoolOperation:
    """One way to pool under all its names.

    Attributes:
        method: What is made of a window, as graphs have it.
        extent: Whether it slides windows of a given size (`"windows"`), as many as make the output
            the given size (`"adaptive"`), or takes whole axes (`"axes"`).
        functions: Those of torch; a number in the name is how many axes it pools over.
        modules: Classes in `torch.nn` that source is searched for.
        keras_layers: Classes in `keras.layers` of any version.
        keras_operation: The class behind its function in `keras.ops`.
    """

    method: str
    extent: Literal["windows", "adaptive", "axes"]
    functions: tuple[Function, ...] = ()
    modules: tuple[str, ...] = ()
    keras_layers: tuple[str, ...] = ()
    keras_operation: str = ""


def _ranks(home: str, stem: str, arguments: str, ending: str = "") -> tuple[Function, ...]:
    return functions(home, " ".join(f"{stem}{rank}d{ending}" for rank in (1, 2, 3)), arguments)


def _each(stem: str, ending: str) -> tuple[str, ...]:
    return tuple(f"{stem}{rank}{ending}" for rank in (1, 2, 3))


_MAX = "input kernel_size stride padding dilation ceil_mode"
_AVERAGE = "input kernel_size stride padding ceil_mode count_include_pad divisor_override"
_NN = "torch.nn.functional"

POOLS = (
    PoolOperation(
        "max",
        "windows",
        functions=(
            *_ranks("torch", "max_pool", _MAX),
            *_ranks("torch", "max_pool", _MAX, "_with_indices"),
        ),
        modules=_each("MaxPool", "d"),
        keras_layers=(*_each("MaxPooling", "D"), *_each("MaxPool", "D")),
    ),
    PoolOperation(
        "average",
        "windows",
        functions=_ranks(_NN, "avg_pool", _AVERAGE),
        modules=_each("AvgPool", "d"),
        keras_layers=(*_each("AveragePooling", "D"), *_each("AvgPool", "D")),
    ),
    PoolOperation(
        "lp",
        "windows",
        functions=_ranks(_NN, "lp_pool", "input norm_type kernel_size stride ceil_mode"),
    ),
    PoolOperation(
        "max",
        "adaptive",
        functions=(
            *_ranks(_NN, "adaptive_max_pool", "input output_size"),
            *_ranks(_NN, "adaptive_max_pool", "input output_size", "_with_indices"),
        ),
        modules=_each("AdaptiveMaxPool", "d"),
        keras_layers=(*_each("GlobalMaxPooling", "D"), *_each("GlobalMaxPool", "D")),
    ),
    PoolOperation(
        "average",
        "adaptive",
        functions=_ranks(_NN, "adaptive_avg_pool", "input output_size"),
        modules=_each("AdaptiveAvgPool", "d"),
        keras_layers=(*_each("GlobalAveragePooling", "D"), *_each("GlobalAvgPool", "D")),
    ),
    *(
        PoolOperation(
            method,
            "axes",
            functions=functions("torch", names, "input dim keepdim"),
            keras_operation=operation,
        )
        for method, names, operation in (
            ("average", "mean", "Mean"),
            ("sum", "sum", "Sum"),
            ("max", "amax max", "Max"),
            ("min", "amin min", "Min"),
        )
    ),
)
"""Every way to pool; the global layers of Keras are adaptive to one value."""

RESAMPLINGS = functions(_NN, "interpolate upsample", "input size scale_factor mode align_corners")
"""Changes of resolution by interpolation."""
KERAS_RESAMPLINGS = _each("UpSampling", "D")
"""The same as classes in `keras.layers`."""
