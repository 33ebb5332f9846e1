"""A monitor that follows somebody else's training loop."""

from torch import nn

from normdrop.shifts.report import ShiftHistory
from normdrop.shifts.stream import scalars
from normdrop.torch.monitor._monitor import ShiftMonitor


class Watched:
    """What the callbacks of all training frameworks have in common.

    Args:
        every: Steps from one measurement to the next.
        sample: At most so many examples of a batch; see `ShiftMonitor`.
        warn: Whether to warn when a layer's shift first leaves 0.8 (or 1/0.8).
    """

    def __init__(self, every: int, *, sample: int | None, warn: bool) -> None:
        self._every, self._sample, self._warn = every, sample, warn
        self._monitor: ShiftMonitor | None = None
        self._told = 0

    @property
    def history(self) -> ShiftHistory:
        """All measurements of the current training, or the last one."""
        return ShiftHistory((), {}, {}) if self._monitor is None else self._monitor.history

    @property
    def share(self) -> float:
        """How much of the training's time went into measuring."""
        return 0.0 if self._monitor is None else self._monitor.share

    def _begin(self, model: nn.Module, start: int, *, leading: bool) -> None:
        """Training begins after `start` steps; only the leading process warns."""
        self._end()
        self._monitor = ShiftMonitor(
            model, self._every, sample=self._sample, warn=self._warn and leading, start=start
        )
        self._monitor.__enter__()
        self._told = 0

    def _step(self) -> dict[str, float]:
        """A step is done; the numbers to log if it was measured."""
        if self._monitor is None:
            return {}
        self._monitor.step()
        report, count = self._monitor.latest, len(self._monitor.history)
        if report is None or count == self._told:
            return {}
        self._told = count
        return scalars(report)

    def _end(self) -> None:
        """Training is over, or failed; no hook stays behind."""
        if self._monitor is not None:
            self._monitor.__exit__()
