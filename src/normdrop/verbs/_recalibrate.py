"""Running statistics estimated anew, and put back."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypedDict, Unpack

from normdrop.errors import ShiftWarning, UsageError
from normdrop.shifts.report import Recalibration
from normdrop.shifts.stream import NormFacts, is_real, is_young, metric_name, scaled
from normdrop.verbs._estimate import Found, Reestimation, check_method, estimated, recalibration
from normdrop.verbs._framework import Model, opened
from normdrop.verbs._types import Device, RecalibrateMethod, WrappedModel
from normdrop.verbs._without_data import without_data

_SCALED = 2.0
"""Times the stored variance, or its inverse, from which inputs are refused."""


def recalibrate(
    model: WrappedModel,
    batches: Iterable[object] | None,
    metric: object = None,
    *,
    method: RecalibrateMethod = "batch",
    example: object = None,
    limit: int | None = None,
    device: "Device | None" = None,
    frozen: Iterable[str] = (),
    progress: Callable[[int, int | None], None] | None = None,
    force: bool = False,
) -> Recalibration:
    """Estimate the running statistics of every norm layer anew, dropout off, in place.

    Everything is in eval mode; weights, modes and the random state stay as they are. The new
    statistics are the mean and the biased variance of all values that reach a layer, put together
    over batches by the law of total variance; each layer's `num_batches_tracked` becomes the number
    of batches they rest on. In a distributed run every process calls this with its own batches,
    however many, and ends with the statistics of all data.

    Args:
        model: A `torch.nn.Module`, also one wrapped in `DistributedDataParallel` or
            `torch.compile`; or a built Keras model.
        batches: As for `measure`; or `None` to estimate without data, by inverting the stored
            statistics, which takes an example.
        metric: As for `measure`. With it, passes before and after the estimate evaluate it and
            measure the shifts that stay.
        method: `"batch"` reads the batches once and normalises by each batch's own statistics on
            the way, as in training. `"exact"` reads them again and again in eval mode until every
            layer meets the statistics it goes by, however the data are batched.
        example: What the model takes, as for `predict`; only without batches. Real inputs without
            labels, eight or more, are made use of.
        limit: How many batches to read at most.
        device: Where batches are put; by default where the model is.
        frozen: Names of norm layers, or of modules around them, to leave as they are. Norm layers
            in eval mode in a model that is in train mode are left alone anyway, and so are those
            that stay in eval mode when the model is put in train mode, and those of momentum 0; in
            Keras those that are not trainable, or of momentum 1.
        progress: Called with the batches done and, where known, how many there are; from 0 again
            in each pass.
        force: Whether to go on where the inputs are scaled otherwise than those that the stored
            statistics come from, as pixels in [0, 1] for standardised ones. By default nothing is
            changed then, with a `ShiftWarning` and `Recalibration.refused`.

    Returns:
        Old and new statistics, the shift before and after, and `undo()`.

    Raises:
        CaptureError: The model raised; the message names the batch and the module.
        UsageError: As for `measure`; a generator where several passes are needed; every norm layer
            frozen; a batch with one value per channel; no data, and stored statistics that lag
            behind the weights. The model is then as it was.

    >>> import torch
    >>> from torch import nn
    >>> _ = torch.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(8, 64), nn.Dropout(0.5), nn.BatchNorm1d(64))
    >>> batches = [torch.randn(64, 8) for _ in range(50)]
    >>> for batch in batches:
    ...     _ = model(batch)  # train mode: the running statistics come to be
    >>> recalibration = recalibrate(model, batches, method="exact")
    >>> round(recalibration.before["2"].shift, 1), round(recalibration.after["2"].shift, 4)
    (0.5, 1.0)
    >>> recalibration.undo()
    """
    framework = opened(model, "recalibrate", batches=batches).unwrapped()
    metric, batches = framework.metric_of(metric), framework.batches_of(batches)
    if batches is None:
        return without_data(framework, example, metric, frozen, progress)
    if example is not None:
        raise UsageError("recalibrate takes batches or an example, not both")
    source = framework.reading(batches, limit=limit, device=device, progress=progress)
    measured = metric is not None
    check_method(source, method, measured=measured)
    with framework.watched(frozen=True) as run:
        work = Reestimation(framework, run, source, metric, frozen)
        found = estimated(work, method, measured=measured)
    name = metric_name(metric) if measured else ""
    refused = "" if force else _otherwise_scaled(framework, work, found)
    if refused:
        warnings.warn(refused, ShiftWarning, stacklevel=2)
        same = replace(found, used={}, after=None, notes=(refused,))
        return replace(recalibration(work, same, name, lambda: None), refused=refused)
    undo = run.statistics.snapshot()
    run.statistics.write(found.used)
    run.statistics.count(found.calls)
    return recalibration(work, found, name, undo)


def _otherwise_scaled(framework: Model, work: Reestimation, found: Found) -> str:
    """Why these inputs must not be recalibrated on, where they are scaled otherwise; else empty.

    The norm layer nearest to the data tells, first with dropout off, then, to be sure that no
    dropout before it does, in train mode on one batch. New statistics say nothing of inputs.
    """
    path = next(iter(found.before.seen))
    stored, facts = work.original[path], framework.norm_facts().get(path, NormFacts())
    batch = work.sample
    if framework.several_processes or batch is None or not is_real(batch.arguments):
        return ""
    if is_young(stored, facts) or facts.averaged or path not in found.used:
        return ""
    if not _far(scaled(found.before.seen[path], stored, unbiased=framework.unbiased)):
        return ""
    try:
        with framework.watched(noise=True) as run:
            record = run.record("batch")
            run.run(batch, record, dropout=True, norm="batch")
    except UsageError:  # a single value per channel
        return ""
    scale = scaled(record.seen()[path], stored, unbiased=framework.unbiased)
    if scale is None or not _far(scale):
        return ""
    return (
        f"Nothing was changed: {path!r}, nearest to the data, meets about {scale:.2g} times the "
        "variance it has stored, in every channel alike: these inputs are scaled otherwise than "
        "the data of training. Prepare them as in training; or pass force=True if the model is to "
        "be used on such data."
    )


def _far(scale: float | None) -> bool:
    return scale is not None and not 1 / _SCALED < scale < _SCALED


class _Options(TypedDict, total=False):
    """The keyword arguments of `recalibrate`."""

    method: RecalibrateMethod
    example: object
    limit: int | None
    device: "Device | None"
    frozen: Iterable[str]
    progress: Callable[[int, int | None], None] | None
    force: bool


@contextmanager
def recalibrated(
    model: WrappedModel,
    batches: Iterable[object] | None,
    metric: object = None,
    **settings: Unpack[_Options],
) -> Iterator[Recalibration]:
    """`recalibrate` inside a `with` statement; the old statistics are put back on leaving.

    Args:
        model: As for `recalibrate`.
        batches: As for `recalibrate`.
        metric: As for `recalibrate`.
        **settings: Its other arguments.

    >>> import torch
    >>> model = torch.nn.BatchNorm1d(2)
    >>> with recalibrated(model, [torch.tensor([[0.0, 0.0], [2.0, 4.0]])]):
    ...     model.running_var.tolist()
    [1.0, 4.0]
    >>> model.running_var.tolist()
    [1.0, 1.0]
    """
    recalibration = recalibrate(model, batches, metric, **settings)
    try:
        yield recalibration
    finally:
        recalibration.undo()
