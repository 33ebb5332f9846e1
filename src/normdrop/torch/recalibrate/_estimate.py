"""New running statistics from passes over data, everything in eval mode."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from normdrop.errors import UsageError
from normdrop.shift import ShiftReport
from normdrop.torch._norm_call import Moments
from normdrop.torch._switches import Switches, under
from normdrop.torch.recalibrate import _statistics as statistics
from normdrop.torch.recalibrate._gather import Pass, over_all_processes, several_processes
from normdrop.torch.stream import (
    Batches,
    BatchRecorder,
    Listener,
    MetricMean,
    Recorder,
    Seen,
    copied,
    extent,
    layer_shift,
    moments_of,
)

_TOLERANCE = 1e-5
"""Statistics that move by less, relative to the variance or in deviations, are settled."""
_SMALLEST = 1e-5
"""Added to variances, as norm layers do, so that a dead channel's do not count."""


@dataclass(frozen=True)
class Found:
    """New statistics, and what passes before and after saw."""

    used: dict[str, Moments]
    before: Pass
    after: Pass | None
    notes: tuple[str, ...] = ()


class Estimate:
    """Passes over one model and its batches, in all processes."""

    def __init__(
        self, model: nn.Module, source: Batches, metric: object, frozen: tuple[str, ...]
    ) -> None:
        self._model = model
        source.may_be_empty = several_processes()
        self._source = source
        self._metric = metric
        self.listener = Listener(model)
        self._switches = Switches(model)
        self._named = under(self._switches.norms, frozen)
        self.frozen: frozenset[str] = self._switches.frozen | self._named
        self.buffers = statistics.buffers(model, self._switches.norms)
        self.original = {path: copied(*pair) for path, pair in self.buffers.items()}
        self._channels = {path: len(mean) for path, (mean, _) in self.buffers.items()}
        self.calls: dict[str, int] = {}

    def batch(self) -> Found:
        """One pass in which every norm layer that is not frozen goes by its batch."""
        before = self._eval_pass() if self._metric is not None else None
        seen = self._batch_pass()
        used = self._new(seen)
        if before is None:
            return Found(used, replace(seen, metric=math.nan), None)
        statistics.write(self.buffers, used)
        return Found(used, before, self._eval_pass())

    def exact(self) -> Found:
        """Passes in eval mode until every layer meets the statistics it goes by.

        A layer that meets no other norm's output has its own after one pass, the next ones after
        two, and so on: there is an end, however far off the start. Most models come near it long
        before.
        """
        before = last = self._eval_pass()
        if before.watched:
            self._probe_frozen()
        passes, moved = 1, math.inf
        while moved > _TOLERANCE and passes <= len(self.original) + 1:
            used = self._new(last)
            statistics.write(self.buffers, used)
            last = self._eval_pass()
            passes += 1
            moved = max(_moved(used[path], last.seen[path]) for path in used)
        return Found(used, before, last, (_settled(passes, moved),))

    def report(self, found: Pass, stored: dict[str, Moments]) -> ShiftReport:
        """What a pass saw against what was stored then."""
        layers = [layer_shift(path, seen, stored[path]) for path, seen in found.seen.items()]
        return ShiftReport(layers, "measured", (extent(found.batches, found.examples),))

    def _new(self, found: Pass) -> dict[str, Moments]:
        """The statistics of the layers that are not frozen."""
        new = {path: s for path, s in found.seen.items() if path not in self.frozen}
        if not new:
            raise UsageError(
                "every norm layer is frozen (in eval mode in a model in train mode, of momentum 0, "
                "or named so): there is nothing to re-estimate; for all of them call model.eval() "
                "first"
                if found.seen
                else "no norm layer with running statistics was called"
            )
        self.calls = {path: seen.batches for path, seen in new.items()}
        return {path: moments_of(path, seen) for path, seen in new.items()}

    def _eval_pass(self) -> Pass:
        return self._over_all(Recorder, batch_mode=False)

    def _batch_pass(self) -> Pass:
        return self._over_all(lambda: BatchRecorder(self._switches, self._named), batch_mode=True)

    def _over_all(self, make: Callable[[], Recorder], *, batch_mode: bool) -> Pass:
        self._switches.set(dropout=False, norm="batch" if batch_mode else "running")
        found = over_all_processes(lambda: self._pass(make()), self._channels)
        self.frozen |= found.frozen
        return found

    def _probe_frozen(self) -> None:
        """One batch in which norms that are no modules say whether they keep to what is stored."""
        self._source, whole = self._source.first(), self._source
        self._batch_pass()
        self._source = whole

    def _pass(self, recorder: Recorder) -> Pass:
        metric = None if self._metric is None else MetricMean(self._metric)
        for batch in self._source:
            recorder.batch = batch.number
            outputs = self.listener.run(batch, recorder.answer)
            if metric is not None:
                metric.add(outputs, batch)
        for path, moments in recorder.stored.items():
            self.original.setdefault(path, moments)
        self.buffers.update(recorder.buffers)
        value = metric.value() if metric is not None and metric.weight else 0.0
        count, examples = self._source.count, self._source.examples
        watched = bool(self.listener.others)
        return Pass(recorder.seen(), count, examples, frozenset(recorder.frozen), watched, value)


def _settled(passes: int, moved: float) -> str:
    if moved <= _TOLERANCE:
        return f"Settled to {moved:.0e} after {passes} passes."
    return (
        f"Not settled: after {passes} passes statistics still move by {moved:.0e}. Batches that "
        "differ from pass to pass, as augmented ones do, cannot settle."
    )


def _moved(used: Moments, seen: Seen) -> float:
    """How far apart statistics are: relative to the variance, or in deviations; worst channel."""
    scale = used.variance + _SMALLEST
    variance = ((seen.variance - used.variance).abs() / scale).max()
    mean = ((seen.mean - used.mean).abs() / scale.sqrt()).max()
    return float(torch.maximum(variance, mean))
