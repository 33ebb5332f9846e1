"""One look at a model under training: its norm layers' inputs in eval mode, on one batch."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map

from normdrop.shifts.expected import average
from normdrop.shifts.report import LayerShift, ShiftReport
from normdrop.shifts.stream import Batch
from normdrop.torch.watch import Listener, NormCall, TensorStatistics, by_running, untouched


def look(
    module: nn.Module, prefix: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> ShiftReport:
    """The shift at every norm layer against its running statistics, from one eval-mode pass.

    Variances are unbiased on both sides, as torch keeps the running ones. The module is left as
    it was, and so is the random state.

    Args:
        module: What is called.
        prefix: The module's own path, which the layers' paths begin with.
        args: Positional arguments of the call.
        kwargs: Keyword arguments of the call.
    """
    seen: dict[str, list[TensorStatistics]] = {}
    stored: dict[str, TensorStatistics] = {}

    def note(path: str, call: NormCall) -> Tensor:
        if not call.from_batch:
            stored.setdefault(path, call.stored())
            seen.setdefault(path, []).append(_unbiased(call))
        return by_running(call)

    with untouched(module, gradients=False), torch.no_grad():
        module.eval()
        with Listener(module) as listener:
            listener.run(Batch(0, (args, kwargs), targets=None, size=0), note)
    layers = [
        _layer(f"{prefix}.{path}".strip("."), average(moments), stored[path])
        for path, moments in seen.items()
    ]
    return ShiftReport(layers, "measured")


def leading(arguments: object, count: int) -> Any:  # noqa: ANN401 - arguments of any shape
    """The first examples of every tensor that has the batch's length, at any depth."""
    size = batch_size(arguments)

    def rows(leaf: object) -> object:
        batched = isinstance(leaf, Tensor) and leaf.ndim > 0 and len(leaf) == size
        return leaf[:count] if batched and isinstance(leaf, Tensor) else leaf

    return tree_map(rows, arguments)


def batch_size(arguments: object) -> int:
    """The extent of the first tensor's first axis; 1 without any."""
    leaves, _ = tree_flatten(arguments)
    return next((len(x) for x in leaves if isinstance(x, Tensor) and x.ndim), 1)


def _unbiased(call: NormCall) -> TensorStatistics:
    moments = call.moments()
    values = call.x[0, 0].numel() if call.per_instance else call.x[:, 0].numel()
    return TensorStatistics(moments.mean, moments.variance * (values / max(1, values - 1)))


def _layer(path: str, seen: TensorStatistics, stored: TensorStatistics) -> LayerShift:
    return LayerShift(
        path,
        "measured",
        eval_mean=seen.mean.cpu().numpy(),
        eval_variance=seen.variance.cpu().numpy(),
        train_mean=stored.mean.cpu().numpy(),
        train_variance=stored.variance.cpu().numpy(),
    )
