"""Running statistics estimated anew, in place."""

from collections.abc import Iterable

import torch
from torch import nn

from normdrop.errors import UsageError
from normdrop.shifts.report import Recalibration
from normdrop.shifts.stream import (
    Batches,
    Progress,
    check_method,
    estimated,
    metric_name,
    need_example,
    recalibration,
)
from normdrop.torch import _running as statistics
from normdrop.torch.recalibrate._without_data import without_data
from normdrop.torch.stream import eager, reading, unwrapped
from normdrop.torch.stream._estimate import Estimate
from normdrop.torch.watch._untouched import untouched


def recalibrate(
    model: nn.Module,
    batches: object,
    metric: object = None,
    *,
    method: str = "batch",
    example: object = None,
    limit: int | None = None,
    device: torch.device | str | None = None,
    frozen: Iterable[str] = (),
    progress: Progress | None = None,
) -> Recalibration:
    """Estimate running statistics in place; see `normdrop.recalibrate`."""
    inner = unwrapped(model)
    if batches is None:
        need_example(example, metric)
        return without_data(inner, example, tuple(frozen))
    if example is not None:
        raise UsageError("recalibrate takes batches or an example, not both")
    source = reading(batches, inner, limit=limit, device=device, progress=progress)
    return _with_data(inner, source, metric, method, tuple(frozen))


def _with_data(
    model: nn.Module, source: Batches, metric: object, method: str, frozen: tuple[str, ...]
) -> Recalibration:
    check_method(source, method, measured=metric is not None)
    work = Estimate(model, source, metric, frozen)
    with untouched(model, gradients=False), eager(), torch.no_grad(), work.listener:
        found = estimated(work, method, measured=metric is not None)
    undo = statistics.snapshot(model, work.buffers)
    statistics.write(work.buffers, found.used)
    statistics.count(model, found.calls)
    name = "" if metric is None else metric_name(metric)
    return recalibration(work, method, found, name, undo)
