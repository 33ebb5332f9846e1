"""Batches run through a torch model whose norm calls are seen, recorded and answered."""

from collections.abc import Sequence
from typing import Any, Self

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from normdrop.errors import UsageError
from normdrop.shifts.stream import Batch, NormMode, Record
from normdrop.torch._running import RunningStatistics, copied
from normdrop.torch.watch import (
    Listener,
    NormCall,
    Switches,
    by_batch,
    by_running,
    call_moments,
    cuda_devices,
)


class RunningRecord(Record[Tensor]):
    """What reached every norm layer while each goes by its running statistics.

    Args:
        buffers: Norm layer path to its running mean and variance themselves; those of norms that
            are no modules are added as they are met.
    """

    def __init__(self, buffers: dict[str, tuple[Tensor, Tensor]]) -> None:
        super().__init__(_stacked)
        self._buffers = buffers

    def answer(self, path: str, call: NormCall) -> Tensor:
        """Record a call and answer it as eval mode does."""
        self._record(path, call)
        return by_running(call)

    def _record(self, path: str, call: NormCall) -> Tensor:
        if path not in self.stored:
            running = call.running_mean, call.running_variance
            self.begin(path, copied(*running), pooled=not call.per_instance)
            self._buffers[path] = running
        found = call_moments(call)
        x = call.x
        self.add(path, x.numel() // x.shape[1], found)
        return found


class BatchRecord(RunningRecord):
    """What reached every norm layer while each goes by its batch's statistics, frozen ones aside.

    Args:
        buffers: As for `RunningRecord`.
        switches: Which norm layers are frozen.
        frozen: More of them.
    """

    def __init__(
        self,
        buffers: dict[str, tuple[Tensor, Tensor]],
        switches: Switches,
        frozen: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(buffers)
        self._known = switches.frozen | frozen
        self._mixed = frozenset(switches.mixed)

    def answer(self, path: str, call: NormCall) -> Tensor:
        """Record a call and answer it as train mode does; running statistics are not touched.

        Raises:
            UsageError: The batch has a single value per channel.
        """
        found = self._record(path, call)
        if path in self.frozen or self._is_frozen(path, call):
            self.frozen.add(path)
            return by_running(call)
        if call.x.numel() == call.x.shape[1]:
            raise UsageError(
                f"batch {self.batch + 1} has one value per channel at norm layer {path!r}, and "
                "batch statistics take two: pass larger batches (drop_last=True drops a last one "
                "that is smaller) or estimate with method='exact'"
            )
        return by_batch(call, found)

    def _is_frozen(self, path: str, call: NormCall) -> bool:
        """A norm without a module of its own says so by its call."""
        return path in self._known or (path not in self._mixed and not call.from_batch)


class WatchedRun:
    """Runs a model under watch; see `normdrop.verbs`.

    Use it as a context manager inside `untouched(model)`.

    Args:
        model: Any module.
        noise: Whether runs switch noise on. Then what a run draws hangs on its batch's number
            alone, and the loader's own draws do not depend on it.
        frozen: Whether it must be known which norm layers are frozen.
    """

    all_frozen = (
        "every norm layer is frozen (in eval mode in a model in train mode, of momentum 0, or "
        "named so): there is nothing to re-estimate; for all of them call model.eval() first"
    )

    def __init__(self, model: nn.Module, *, noise: bool, frozen: bool) -> None:
        self._model = model
        self._noise = noise
        self._frozen = frozen
        self._listener = Listener(model)
        self._switches: Switches | None = None
        self._mode: tuple[bool, NormMode] | None = None
        self.statistics = RunningStatistics(model)

    def __enter__(self) -> Self:
        """Watch the norm layers."""
        if not self._frozen:  # else the modes as they are tell what is frozen
            self._model.eval()
        if self._noise or self._frozen:
            self._switches = Switches(self._model)
        self._listener.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """Watch no longer."""
        self._listener.__exit__(*error)

    def record(self, norm: NormMode, frozen: frozenset[str] = frozenset()) -> RunningRecord:
        """Begin to record."""
        self._mode = None
        if norm == "batch" and self._switches is not None:
            return BatchRecord(self.statistics.buffers, self._switches, frozen)
        return RunningRecord(self.statistics.buffers)

    def run(
        self,
        batch: Batch,
        record: Record[Tensor],
        *,
        dropout: bool = False,
        norm: NormMode = "running",
    ) -> Any:  # noqa: ANN401 - whatever the model returns
        """The outputs of one batch, what reaches the norm layers recorded."""
        assert isinstance(record, RunningRecord)  # noqa: S101 - as `record` gave it
        record.batch = batch.number
        if self._switches is not None and self._mode != (dropout, norm):
            self._switches.set(dropout=dropout, norm=norm)
            self._mode = dropout, norm
        if not self._noise:
            outputs = self._listener.run(batch, record.answer)
        else:
            with torch.random.fork_rng(cuda_devices(self._model)):
                torch.manual_seed(batch.number)
                outputs = self._listener.run(batch, record.answer)
        record.unsure = bool(self._listener.others)
        return outputs


def _stacked(moments: Sequence[Tensor]) -> NDArray[Any]:
    """One array of some tens of tensors: numpy's calls cost a fraction of torch's."""
    return torch.stack(tuple(moments)).cpu().numpy()
