"""Moving statistics estimated anew, in place."""

from collections.abc import Iterable

import keras

from normdrop.errors import UsageError
from normdrop.keras import _running as statistics
from normdrop.keras._backend import backend
from normdrop.keras.capture import check_built
from normdrop.keras.recalibrate._without_data import without_data
from normdrop.keras.stream import reading
from normdrop.keras.stream._estimate import Estimate
from normdrop.keras.watch._untouched import untouched
from normdrop.shifts.report import Recalibration
from normdrop.shifts.stream import (
    Progress,
    check_method,
    estimated,
    metric_name,
    need_example,
    recalibration,
)


def recalibrate(
    model: keras.Model,
    batches: object,
    metric: object = None,
    *,
    method: str = "batch",
    example: object = None,
    limit: int | None = None,
    device: object = None,
    frozen: Iterable[str] = (),
    progress: Progress | None = None,
) -> Recalibration:
    """Estimate moving statistics in place; see `normdrop.recalibrate`."""
    check_built(model)
    if batches is None:
        need_example(example, metric)
        return without_data(model, example, tuple(frozen))
    if example is not None:
        raise UsageError("recalibrate takes batches or an example, not both")
    source = reading(batches, model, limit=limit, device=device, progress=progress)
    check_method(source, method, measured=metric is not None)
    work = Estimate(model, source, metric, tuple(frozen))
    with untouched(model), backend().without_gradients(), work.listener:
        found = estimated(work, method, measured=metric is not None)
    undo = statistics.snapshot(work.norms.values())
    statistics.write(work.norms, found.used)
    name = "" if metric is None else metric_name(metric)
    return recalibration(work, method, found, name, undo)
