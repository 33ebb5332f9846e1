"""Normalizations. A new one is a new entry here, and a reader of its calls in each capture."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from normdrop.values.operations._spelling import Function, functions

Statistics: TypeAlias = Literal["running", "asked", "own"]


@dataclass(frozen=True)
class NormOperation:
    """One normalization under all its names.

    Attributes:
        name: Its family, as graphs have it.
        statistics: Whether it carries running statistics: by itself (`"running"`), where it is
            asked to (`"asked"`), or never, going by its own input (`"own"`).
        functions: Those of torch.
        modules: Classes in `torch.nn`.
        arguments: Positional arguments of these classes; lazy ones lack the first.
        keras_layers: Classes in `keras.layers`.
        keras_arguments: Positional arguments of these classes.
        eps: What is added to the variance by default, in torch and in Keras.
        momentum: Default weight of the new statistic in the running average, in torch and in Keras,
            which states that of the old one.
    """

    name: str
    statistics: Statistics
    functions: tuple[Function, ...] = ()
    modules: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    keras_layers: tuple[str, ...] = ()
    keras_arguments: tuple[str, ...] = ()
    eps: tuple[float, float] = (1e-5, 1e-3)
    momentum: tuple[float, float] = (0.1, 0.01)


_RUNNING = "running_mean running_var"
_SCALED = "weight bias"
_TRACKING = ("num_features", "eps", "momentum", "affine", "track_running_stats")

_ALL = (
    NormOperation(
        "batch",
        "running",
        functions=(
            *functions(
                "torch.nn.functional",
                "batch_norm",
                f"input {_RUNNING} {_SCALED} training momentum eps",
            ),
            *functions(
                "torch",
                "batch_norm native_batch_norm",
                f"input {_SCALED} {_RUNNING} training momentum eps",
            ),
        ),
        modules=(
            *("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"),
            *("LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d"),
        ),
        arguments=_TRACKING,
        keras_layers=("BatchNormalization",),
        keras_arguments=("axis", "momentum", "epsilon"),
    ),
    NormOperation(
        "instance",
        "asked",
        functions=(
            *functions(
                "torch.nn.functional",
                "instance_norm",
                f"input {_RUNNING} {_SCALED} use_input_stats momentum eps",
            ),
            *functions(
                "torch", "instance_norm", f"input {_SCALED} {_RUNNING} use_input_stats momentum eps"
            ),
        ),
        modules=(
            *("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"),
            *("LazyInstanceNorm1d", "LazyInstanceNorm2d", "LazyInstanceNorm3d"),
        ),
        arguments=_TRACKING,
    ),
    NormOperation(
        "layer",
        "own",
        functions=functions("torch", "layer_norm", f"input normalized_shape {_SCALED} eps"),
        modules=("LayerNorm",),
        keras_layers=("LayerNormalization",),
    ),
    NormOperation(
        "rms",
        "own",
        functions=functions("torch", "rms_norm", "input normalized_shape weight eps"),
        modules=("RMSNorm",),
        keras_layers=("RMSNormalization",),
    ),
    NormOperation(
        "group",
        "own",
        functions=functions("torch", "group_norm", f"input num_groups {_SCALED} eps"),
        modules=("GroupNorm",),
        keras_layers=("GroupNormalization",),
    ),
    NormOperation(
        "local response",
        "own",
        functions=functions(
            "torch.nn.functional", "local_response_norm", "input size alpha beta k"
        ),
    ),
)
NORMS = {each.name: each for each in _ALL}
"""Every normalization by its family."""
