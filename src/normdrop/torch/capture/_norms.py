"""Recognising normalizations."""

from functools import partial

from torch import Tensor, nn

from normdrop.shifts.graph import Kind, Norm
from normdrop.torch.capture._call import Call, DescribeModule, Description, Recogniser, entries
from normdrop.values.operations import NORMS


def _roles(call: Call) -> dict[str, Tensor | None]:
    return {
        "gamma": call.get("weight"),
        "beta": call.get("bias"),
        "running_mean": call.get("running_mean"),
        "running_var": call.get("running_var"),
    }


def _with_statistics(call: Call, family: str, *, by_batch: bool, axes: tuple[int, ...]) -> Norm:
    """A norm that may store statistics; its module knows whether the average is cumulative."""
    carries = call.get("running_mean") is not None
    momentum = call.get("momentum", 0.1)
    if hasattr(call.module, "momentum") and hasattr(call.module, "running_mean"):
        momentum = call.module.momentum
    return Norm(
        family,
        carries_statistics=carries,
        uses_batch_statistics=by_batch,
        updates_statistics=by_batch and carries,
        axes=axes,
        eps=float(call.get("eps", 1e-5)),
        momentum=None if momentum is None else float(momentum),
    )


def _batch(call: Call) -> Description:
    by_batch = call.is_on("training") or call.get("running_mean") is None
    axes = (0, *range(2, len(call.shape)))
    norm = _with_statistics(call, "batch", by_batch=by_batch, axes=axes)
    return Description(Kind.NORM, norm, 1, _roles(call))


def _instance(call: Call) -> Description:
    by_input = call.is_on("use_input_stats", default=True)
    axes = tuple(range(2, len(call.shape)))
    norm = _with_statistics(call, "instance", by_batch=by_input, axes=axes)
    return Description(Kind.NORM, norm, 1, _roles(call))


def _without_statistics(call: Call, family: str, axes: tuple[int, ...], groups: int = 1) -> Norm:
    return Norm(
        family,
        carries_statistics=False,
        uses_batch_statistics=True,
        updates_statistics=False,
        axes=axes,
        eps=float(call.get("eps") or 1e-5),
        groups=groups,
    )


def _over_last_axes(family: str, call: Call) -> Description:
    normalized = call.get("normalized_shape")
    count = 1 if isinstance(normalized, int) else len(normalized)
    rank = len(call.shape)
    norm = _without_statistics(call, family, tuple(range(rank - count, rank)))
    return Description(Kind.NORM, norm, rank - 1 if count == 1 else None, _roles(call))


def _group(call: Call) -> Description:
    axes = tuple(range(1, len(call.shape)))
    norm = _without_statistics(call, "group", axes, groups=int(call.get("num_groups")))
    return Description(Kind.NORM, norm, 1, _roles(call))


def _local_response(call: Call) -> Description:
    norm = _without_statistics(call, "local response", (1,))
    return Description(Kind.NORM, norm, 1)


def _synchronized(module: nn.Module, x: Tensor) -> Description:
    """Batch norm over all processes, whose kernels run on a GPU only."""
    assert isinstance(module, nn.SyncBatchNorm)  # noqa: S101 - the table's key
    carries = module.running_mean is not None
    by_batch = module.training or not carries
    norm = Norm(
        "batch",
        carries_statistics=carries,
        uses_batch_statistics=by_batch,
        updates_statistics=by_batch and carries and module.track_running_stats,
        axes=(0, *range(2, x.ndim)),
        eps=module.eps,
        momentum=module.momentum,
    )
    roles = {
        "gamma": module.weight,
        "beta": module.bias,
        "running_mean": module.running_mean,
        "running_var": module.running_var,
    }
    return Description(Kind.NORM, norm, 1, roles)


_READERS: dict[str, Recogniser] = {
    "batch": _batch,
    "instance": _instance,
    "layer": partial(_over_last_axes, "layer"),
    "rms": partial(_over_last_axes, "rms"),
    "group": _group,
    "local response": _local_response,
}
ENTRIES = {
    name: each
    for family, read in _READERS.items()
    for name, each in entries(NORMS[family].functions, read).items()
}
WHOLE: dict[type[nn.Module], DescribeModule] = {nn.SyncBatchNorm: _synchronized}
