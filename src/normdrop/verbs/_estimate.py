"""New running statistics from passes over data, dropout off."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from normdrop.errors import UsageError, unknown
from normdrop.shifts.report import Recalibration, ShiftReport
from normdrop.shifts.stream import (
    Batches,
    MetricMean,
    NormMode,
    Pass,
    Seen,
    Stored,
    extent,
    layer_shift,
    population,
)
from normdrop.verbs._framework import Model, WatchedRun

_METHODS = ("batch", "exact")
_TOLERANCE = 1e-5
"""Statistics that move by less, relative to the variance or in deviations, are settled."""
_SMALLEST = 1e-5
"""Added to variances, as norm layers do, so that a dead channel's do not count."""


class Reestimation:
    """A model and its batches, run with dropout off.

    Args:
        framework: The model.
        run: What runs it.
        source: The batches.
        metric: Evaluated on the way; see `normdrop.measure`.
        frozen: Names of norm layers, or of modules around them, to leave as they are.

    Attributes:
        original: Norm layer path to the statistics that it had stored at first.
        frozen: Norm layers to leave as they are; known in full after a pass by running statistics.

    Raises:
        UsageError: A name has no norm layer.
    """

    def __init__(
        self,
        framework: Model,
        run: WatchedRun,
        source: Batches,
        metric: object,
        frozen: Iterable[str],
    ) -> None:
        source.may_be_empty = framework.several_processes
        self._framework = framework
        self._run = run
        self._source = source
        self._metric = metric
        self.original = run.statistics.stored
        self._named = under(self.original, frozen)
        self.frozen = run.statistics.frozen | self._named
        self._channels = {path: len(stored.mean) for path, stored in self.original.items()}
        self._probed = False

    @property
    def all_frozen(self) -> str:
        """What to say where every norm layer is frozen."""
        return self._run.all_frozen

    def by_running(self) -> Pass:
        """Every norm layer goes by its running statistics."""
        found = self._over_all("running")
        if found.unsure and not self._probed:
            self._probe_frozen()
        self._probed = True
        return found

    def by_batch(self) -> Pass:
        """Every norm layer that is not frozen goes by its batch's statistics."""
        self._probed = True
        return self._over_all("batch")

    def write(self, statistics: Mapping[str, Stored]) -> None:
        """Set running statistics in place."""
        self._run.statistics.write(statistics)

    def _over_all(self, norm: NormMode) -> Pass:
        found = self._framework.together(lambda: self._pass(norm), self._channels)
        self.frozen |= found.frozen
        return found

    def _probe_frozen(self) -> None:
        """One batch in which norms that are no layers say whether they keep to what is stored."""
        self._source, whole = self._source.first(), self._source
        self.by_batch()
        self._source = whole

    def _pass(self, norm: NormMode) -> Pass:
        metric = None if self._metric is None else MetricMean(self._metric)
        record = self._run.record(norm, self._named)
        for batch in self._source:
            outputs = self._run.run(batch, record, norm=norm)
            if metric is not None:
                metric.add(outputs, batch)
        self.original = {**record.stored, **self.original}
        return Pass(
            record.seen(),
            self._source.count,
            self._source.examples,
            frozenset(record.frozen),
            math.nan if metric is None else metric.value() if metric.weight else 0.0,
            record.unsure,
        )


@dataclass(frozen=True)
class Found:
    """New statistics, and what passes before and after saw."""

    used: dict[str, Stored]
    before: Pass
    after: Pass | None
    notes: tuple[str, ...] = ()

    @property
    def calls(self) -> dict[str, int]:
        """How many batches the new statistics of each layer rest on."""
        last = self.before if self.after is None else self.after
        return {path: last.seen[path].batches for path in self.used}


def check_method(source: Batches, method: str, *, measured: bool) -> None:
    """Refuse a method that does not exist, or that batches cannot be read often enough for.

    Raises:
        UsageError: One of these.
    """
    if method not in _METHODS:
        raise unknown(f"unknown method {method!r}", method, _METHODS)
    if method == "exact":
        source.need_repeatable("method='exact'")
    elif measured:
        source.need_repeatable("a metric before and after")


def estimated(passes: Reestimation, method: str, *, measured: bool) -> Found:
    """New statistics by a method; the model's own are changed on the way.

    Args:
        passes: The model and its batches.
        method: `"batch"` or `"exact"`.
        measured: Whether there is a metric, which takes passes before and after.
    """
    return _exact(passes) if method == "exact" else _by_batch(passes, measured=measured)


def _by_batch(passes: Reestimation, *, measured: bool) -> Found:
    """One pass in which every norm layer that is not frozen goes by its batch."""
    before = passes.by_running() if measured else None
    seen = passes.by_batch()
    used = _new(passes, seen)
    if before is None:
        return Found(used, replace(seen, metric=math.nan), None)
    passes.write(used)
    return Found(used, before, passes.by_running())


def _exact(passes: Reestimation) -> Found:
    """Passes in eval mode until every layer meets the statistics it goes by.

    A layer that meets no other norm's output has its own after one pass, the next ones after two,
    and so on: there is an end, however far off the start. Most models come near it long before.
    """
    before = last = passes.by_running()
    count, moved = 1, math.inf
    while moved > _TOLERANCE and count <= len(passes.original) + 1:
        used = _new(passes, last)
        passes.write(used)
        last = passes.by_running()
        count += 1
        moved = max(_moved(used[path], last.seen[path]) for path in used)
    return Found(used, before, last, (_settled(count, moved),))


def recalibration(
    passes: Reestimation, method: str, found: Found, metric: str, undo: Callable[[], None]
) -> Recalibration:
    """What was found, for the user.

    Args:
        passes: The model and its batches.
        method: `"batch"` or `"exact"`.
        found: What they gave.
        metric: What the metric is called, empty without one.
        undo: Puts the old statistics back.
    """
    before, after = found.before, found.after
    return Recalibration(
        "exact" if method == "exact" else "batch",
        _report(before, passes.original),
        None if after is None else _report(after, {**passes.original, **found.used}),
        {path: (one.mean, one.variance) for path, one in found.used.items()},
        tuple(sorted(path for path in before.seen if path in passes.frozen)),
        metric,
        before.metric if metric else math.nan,
        after.metric if metric and after is not None else math.nan,
        (extent(before.batches, before.examples), *found.notes),
        undo,
    )


def _report(found: Pass, stored: Mapping[str, Stored]) -> ShiftReport:
    """What a pass saw against what was stored then."""
    layers = [layer_shift(path, seen, stored[path]) for path, seen in found.seen.items()]
    return ShiftReport(layers, "measured", (extent(found.batches, found.examples),))


def _new(passes: Reestimation, found: Pass) -> dict[str, Stored]:
    """The statistics of the layers that are not frozen."""
    new = {path: seen for path, seen in found.seen.items() if path not in passes.frozen}
    if not new:
        raise UsageError(
            passes.all_frozen if found.seen else "no norm layer with running statistics was called"
        )
    return {path: population(path, seen) for path, seen in new.items()}


def _settled(passes: int, moved: float) -> str:
    if moved <= _TOLERANCE:
        return f"Settled to {moved:.0e} after {passes} passes."
    return (
        f"Not settled: after {passes} passes statistics still move by {moved:.0e}. Batches that "
        "differ from pass to pass, as augmented ones do, cannot settle."
    )


def _moved(used: Stored, seen: Seen) -> float:
    """How far apart statistics are: relative to the variance, or in deviations; worst channel."""
    scale = used.variance + _SMALLEST
    variance = np.abs(seen.variance - used.variance) / scale
    mean = np.abs(seen.mean - used.mean) / np.sqrt(scale)
    return float(np.maximum(variance, mean).max())


def under(paths: Iterable[str], names: Iterable[str], separator: str = ".") -> frozenset[str]:
    """The norm layers of these names, or inside modules of these names.

    Args:
        paths: Every norm layer.
        names: What the user gave.
        separator: What stands between a module's name and that of a layer inside.

    Raises:
        UsageError: A name has no norm layer.

    >>> sorted(under(["stem", "body.0", "body.1"], ["body"]))
    ['body.0', 'body.1']
    """
    paths = tuple(paths)
    found: set[str] = set()
    for name in names:
        inside = {p for p in paths if p == name or p.startswith(f"{name}{separator}")}
        if not inside:
            raise UsageError(f"frozen names {name!r}, where there is no norm layer")
        found |= inside
    return frozenset(found)
