"""Running statistics estimated anew, and put back."""

import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypedDict, Unpack

import numpy as np

from normdrop.errors import NormdropError, ShiftWarning, UsageError
from normdrop.shifts.expected import Place
from normdrop.shifts.report import Recalibration
from normdrop.shifts.stream import (
    Batch,
    NormFacts,
    Seen,
    Stored,
    is_real,
    is_young,
    metric_name,
    scaled,
    slope,
)
from normdrop.verbs._estimate import Found, Reestimation, check_method, estimated, recalibration
from normdrop.verbs._framework import Model, opened
from normdrop.verbs._types import Device, RecalibrateMethod, WrappedModel
from normdrop.verbs._without_data import without_data

_SCALED = 2.0
"""Times the stored variance, or its inverse, from which inputs are refused."""
_MOVED = 1.0
"""Deviations that means have moved by, from which it is asked whether inputs are moved."""
_SMALLEST = 1e-5
"""Added to variances, as norm layers do, so that a dead channel's do not count."""


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
            statistics come from, as pixels in [0, 1] for standardised ones, or moved by a constant
            from them. By default nothing is
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
    refused = "" if force else _otherwise_prepared(framework, work, found)
    if refused:
        warnings.warn(refused, ShiftWarning, stacklevel=2)
        same = replace(found, used={}, after=None, notes=(refused,))
        return replace(recalibration(work, same, name, lambda: None), refused=refused)
    undo = run.statistics.snapshot()
    run.statistics.write(found.used)
    run.statistics.count(found.calls)
    return recalibration(work, found, name, undo)


def _otherwise_prepared(framework: Model, work: Reestimation, found: Found) -> str:
    """Why these inputs must not be recalibrated on, where they are prepared otherwise; else empty.

    The norm layer nearest to the data tells whether they are scaled or moved by a constant, first
    with dropout off, then, to be sure that no dropout before it does, in train mode on one batch.
    New statistics say nothing of inputs.
    """
    path = next(iter(found.before.seen))
    stored, facts = work.original[path], framework.norm_facts().get(path, NormFacts())
    batch = work.sample
    if framework.several_processes or batch is None or not is_real(batch.arguments):
        return ""
    if is_young(stored, facts) or facts.averaged or path not in found.used:
        return ""
    met = found.before.seen[path]
    scale = None
    if _far(scaled(met, stored, unbiased=framework.unbiased)):
        scale = _in_train_mode(framework, batch, path, stored)
    if scale is not None:
        how, seen = (
            "scaled",
            f"{scale:.2g} times the variance it has stored, in every channel alike",
        )
    else:  # also where it was noise that took the variance
        offset = _offset(framework, batch, path, met, stored)
        if offset is None:
            return ""
        how, seen = "moved", f"the means that inputs of training make with {offset:+.2g} added"
    return (
        f"Nothing was changed: {path!r}, nearest to the data, meets about {seen}: these inputs are "
        f"{how} otherwise than the data of training. Prepare them as in training; or pass "
        "force=True if the model is to be used on such data."
    )


def _in_train_mode(framework: Model, batch: Batch, path: str, stored: Stored) -> float | None:
    """How much inputs are scaled as one batch in train mode tells; None where it is little."""
    try:
        with framework.watched(noise=True) as run:
            record = run.record("batch")
            run.run(batch, record, dropout=True, norm="batch")
    except UsageError:  # a single value per channel
        return None
    scale = scaled(record.seen()[path], stored, unbiased=framework.unbiased)
    return scale if _far(scale) else None


def _offset(framework: Model, batch: Batch, path: str, met: Seen, stored: Stored) -> float | None:
    """The one constant that inputs are moved by, where it explains the means of all channels.

    That is asked where means have moved by many deviations; the answer of every channel to inputs
    moved by 1 is found by moving one batch.
    """
    deviation = np.sqrt(stored.variance + _SMALLEST)
    missing = (met.mean - stored.mean) / deviation
    if math.sqrt(np.square(missing).mean()) < _MOVED:
        return None
    example = framework.example_of(batch.arguments)
    if example is None:
        return None
    inputs = framework.inputs(example, 0)
    ones = [Place(np.ones(count), np.ones(count)) for count in inputs.channels(batch.arguments)]
    moved = replace(batch, arguments=inputs.placed(batch.arguments, ones))
    means = []
    try:
        with framework.watched() as run:
            for each in (batch, moved):
                record = run.record("running")
                run.run(each, record)
                means.append(record.seen()[path].mean)
    except NormdropError:  # inputs that the model does not take moved
        return None
    return slope((means[1] - means[0]) / deviation, missing)


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
