"""Running statistics estimated anew, and put back."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypedDict, Unpack

from normdrop.errors import UsageError
from normdrop.shifts.report import Recalibration
from normdrop.shifts.stream import metric_name
from normdrop.verbs._estimate import Reestimation, check_method, estimated, recalibration
from normdrop.verbs._framework import opened
from normdrop.verbs._types import Device, RecalibrateMethod, WrappedModel
from normdrop.verbs._without_data import without_data


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
        example: What the model takes, as for `predict`; only without batches.
        limit: How many batches to read at most.
        device: Where batches are put; by default where the model is.
        frozen: Names of norm layers, or of modules around them, to leave as they are. Norm layers
            in eval mode in a model that is in train mode are left alone anyway, and so are those
            that stay in eval mode when the model is put in train mode, and those of momentum 0; in
            Keras those that are not trainable, or of momentum 1.
        progress: Called with the batches done and, where known, how many there are; from 0 again
            in each pass.

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
    if batches is None:
        return without_data(framework, example, metric, frozen)
    if example is not None:
        raise UsageError("recalibrate takes batches or an example, not both")
    source = framework.reading(batches, limit=limit, device=device, progress=progress)
    measured = metric is not None
    check_method(source, method, measured=measured)
    with framework.watched(frozen=True) as run:
        work = Reestimation(framework, run, source, metric, frozen)
        found = estimated(work, method, measured=measured)
    undo = run.statistics.snapshot()
    run.statistics.write(found.used)
    run.statistics.count(found.calls)
    name = metric_name(metric) if measured else ""
    return recalibration(work, method, found, name, undo)


class _Options(TypedDict, total=False):
    """The keyword arguments of `recalibrate`."""

    method: RecalibrateMethod
    example: object
    limit: int | None
    device: "Device | None"
    frozen: Iterable[str]
    progress: Callable[[int, int | None], None] | None


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
