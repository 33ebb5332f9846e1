"""The shift on real data."""

from collections.abc import Callable, Iterable
from typing import Any

from normdrop.errors import NormdropError, UsageError
from normdrop.shifts.expected import StoredFit, causes
from normdrop.shifts.graph import Graph
from normdrop.shifts.report import ModeTable, ShiftReport
from normdrop.shifts.stream import (
    Arguments,
    Batch,
    Facts,
    FourModes,
    Record,
    extent,
    is_real,
    layer_shift,
    need_finite,
    noted,
)
from normdrop.verbs._framework import Model, WatchedRun, opened
from normdrop.verbs._invert import stored_fit
from normdrop.verbs._types import Device, WrappedModel

_BLAMED_BATCHES = 4
_BLAMED_EXAMPLES = 512


def measure(
    model: WrappedModel,
    batches: Iterable[object],
    metric: object = None,
    *,
    limit: int | None = None,
    device: "Device | None" = None,
    blame: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> ShiftReport:
    """The shift at every norm layer on real data, what causes it, and what it costs.

    One pass in eval mode: per channel, the mean and biased variance of everything that reaches a
    norm layer, against the running statistics it divides by.

    Args:
        model: A `torch.nn.Module`, also one wrapped in `DistributedDataParallel` or
            `torch.compile`; or a built Keras model. Nothing about it changes, and the random state
            is put back.
        batches: Any iterable of inputs or of `(inputs, targets)`: a `DataLoader`, a list, a
            generator; for Keras also a `PyDataset`, a `tf.data.Dataset`, and batches
            `(inputs, targets, sample_weight)`. Inputs are a tensor, an array, a tuple (positional)
            or dict (keyword) of these. Pass batches as the model trains with, without augmentation
            if it is evaluated without. In a distributed run these are the batches of this process.
        metric: A function `(outputs, targets)` that returns a number per batch, or an object with
            `update` and `compute`, or Keras' own metric, which are copied; or, of a compiled Keras
            model, `"loss"` or the name of a metric. Only Keras' own get sample weights. With it
            every batch runs four times, with dropout on and off, by running and by batch
            statistics: `ShiftReport.modes` has the table and says in words what explains the
            difference. For a batch that is a dict the targets are that dict.
        limit: How many batches to read at most.
        device: Where batches are put; by default where the model is. Not for Keras, which has
            `keras.device`.
        blame: Whether to find each noise layer's share of each shift: two passes over at most 512
            of the examples for every noise layer.
        progress: Called with the batches done and, where known, how many there are.

    Returns:
        The layers, worst first.

    Raises:
        CaptureError: The model raised; the message names the batch and the module.
        UsageError: No model or one on the `meta` device; no batches, or none a model takes; NaN or
            infinity at a norm layer, or stored by one; a loader or metric that raised.

    >>> import torch
    >>> from torch import nn
    >>> _ = torch.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(8, 64), nn.Dropout(0.5), nn.BatchNorm1d(64))
    >>> batches = [torch.randn(64, 8) for _ in range(50)]
    >>> for batch in batches:
    ...     _ = model(batch)  # train mode: the running statistics come to be
    >>> layer = measure(model, batches, blame=True)["2"]
    >>> round(layer.shift, 1), dict(layer.causes), model.training
    (0.5, {'1': 1.0}, True)
    """
    framework = opened(model, "measure", batches=batches).unwrapped()
    need_finite(framework.statistics().stored)
    norms = framework.norm_facts()
    metric, batches = framework.metric_of(metric), framework.batches_of(batches)
    source = framework.reading(batches, limit=limit, device=device, progress=progress)
    sample: list[Batch] = []
    wanted = (_BLAMED_BATCHES, _BLAMED_EXAMPLES) if blame else (1, 1)
    modes: ModeTable | None = None
    with framework.watched(noise=metric is not None) as run:
        four = None if metric is None else _four_modes(run, metric)
        record = run.record("running") if four is None else four.eval.record
        for batch in source:
            if len(sample) < wanted[0] and sum(one.size for one in sample) < wanted[1]:
                sample.append(batch)
            if four is not None:
                four.add(batch)
            else:
                run.run(batch, record)
        seen = record.seen()
    real = is_real(sample[0].arguments)
    facts = Facts(norms, framework.memory(seen), unbiased=framework.unbiased, real=real)
    if four is not None:  # out here, since telling stale statistics runs the model in its own way
        modes, states = four.table(facts, lambda: _fit(framework, sample[0].arguments))
    else:
        states = noted(record.stored, seen, facts)
    shares = _blamed(framework, sample) if blame else {}
    layers = [
        layer_shift(path, one, record.stored[path], shares.get(path, {}))
        for path, one in seen.items()
    ]
    notes = (extent(source.count, source.examples), *(map(str, states) if modes is None else ()))
    return ShiftReport(
        layers, "measured", notes, modes, states, lambda: _graph(framework, sample[0].arguments)
    )


def _graph(framework: Model, arguments: Arguments) -> Graph:
    """The model's calls on inputs like these, for its map."""
    example = framework.example_of(arguments)
    if example is None:
        raise UsageError("no example can be made of these batches: call normdrop.view")
    return framework.capture(example).train


def _four_modes(run: WatchedRun, metric: object) -> FourModes[Record[Any]]:
    """Modes with dropout on draw the same noise; running statistics are read, never updated."""
    return FourModes(
        metric,
        lambda: run.record("running"),
        lambda: run.record("batch"),
        lambda mode, batch: run.run(batch, mode.record, dropout=mode.dropout, norm=mode.norm),
    )


def _fit(framework: Model, arguments: Arguments) -> StoredFit | None:
    """Whether stored statistics lag behind the weights, or the data are other ones."""
    example = framework.example_of(arguments)
    if example is None:
        return None
    try:
        return stored_fit(framework.model, example)
    except NormdropError:  # no floating-point input, or no gradients: none can be sought
        return None


def _blamed(framework: Model, sample: list[Batch]) -> dict[str, dict[str, float]]:
    """Norm layer path to noise layer path to its share."""
    with framework.untouched():
        return causes(framework.passes(), [batch.arguments for batch in sample])
