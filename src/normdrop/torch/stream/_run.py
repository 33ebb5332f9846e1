"""Batches run through a torch model whose norm calls are seen, recorded and answered."""

from collections.abc import Callable, Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from normdrop.shifts.stream import Batch, NormMode, Pass, Record
from normdrop.torch._running import RunningStatistics
from normdrop.torch.stream._recorder import BatchRecord, RunningRecord
from normdrop.torch.watch import Listener, Switches, cuda_devices


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

    @property
    def several_processes(self) -> bool:
        """Whether this is one process of several."""
        from normdrop.torch.stream._gather import several_processes

        return several_processes()

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

    def together(self, run: Callable[[], Pass], channels: Mapping[str, int]) -> Pass:
        """One pass, put together over all processes of a distributed run."""
        from normdrop.torch.stream._gather import over_all_processes

        return over_all_processes(run, channels)
