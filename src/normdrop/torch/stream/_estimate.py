"""Passes of one torch model over its batches, dropout off, in all processes."""

from collections.abc import Callable, Mapping

from torch import nn

from normdrop.shifts.stream import Batches, MetricMean, NormMode, Stored, under
from normdrop.torch import _running as statistics
from normdrop.torch.stream import BatchRecorder, Listener, Recorder, copied
from normdrop.torch.stream._gather import WatchedPass, over_all_processes, several_processes
from normdrop.torch.watch._switches import Switches


class Estimate:
    """The passes that new statistics are found by; see `normdrop.shifts.stream.Passes`."""

    all_frozen = (
        "every norm layer is frozen (in eval mode in a model in train mode, of momentum 0, or "
        "named so): there is nothing to re-estimate; for all of them call model.eval() first"
    )

    def __init__(
        self, model: nn.Module, source: Batches, metric: object, frozen: tuple[str, ...]
    ) -> None:
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
        self._probed = False

    def by_running(self) -> WatchedPass:
        """Every norm layer goes by its running statistics."""
        found = self._over_all(Recorder, "running")
        if found.watched and not self._probed:
            self._probe_frozen()
        self._probed = True
        return found

    def by_batch(self) -> WatchedPass:
        """Every norm layer that is not frozen goes by its batch's statistics."""
        self._probed = True
        return self._over_all(lambda: BatchRecorder(self._switches, self._named), "batch")

    def write(self, new: Mapping[str, Stored]) -> None:
        """Set running statistics in place."""
        statistics.write(self.buffers, new)

    def _over_all(self, make: Callable[[], Recorder], norm: NormMode) -> WatchedPass:
        self._switches.set(dropout=False, norm=norm)
        found = over_all_processes(lambda: self._pass(make()), self._channels)
        self.frozen |= found.frozen
        return found

    def _probe_frozen(self) -> None:
        """One batch in which norms that are no modules say whether they keep to what is stored."""
        self._source, whole = self._source.first(), self._source
        self.by_batch()
        self._source = whole

    def _pass(self, recorder: Recorder) -> WatchedPass:
        metric = None if self._metric is None else MetricMean(self._metric)
        for batch in self._source:
            recorder.batch = batch.number
            outputs = self.listener.run(batch, recorder.answer)
            if metric is not None:
                metric.add(outputs, batch)
        for path, stored in recorder.stored.items():
            self.original.setdefault(path, stored)
        self.buffers.update(recorder.buffers)
        return WatchedPass(
            recorder.seen(),
            self._source.count,
            self._source.examples,
            frozenset(recorder.frozen),
            metric.value() if metric is not None and metric.weight else 0.0,
            bool(self.listener.others),
        )
