"""Answers norm calls and keeps the statistics of what reached them."""

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from normdrop.errors import UsageError
from normdrop.shifts.stream import Record
from normdrop.torch._running import copied
from normdrop.torch.watch import NormCall, Switches, by_batch, by_running, moments


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
        found = moments(call)
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


def _stacked(moments: Sequence[Tensor]) -> NDArray[Any]:
    """One array of some tens of tensors: numpy's calls cost a fraction of torch's."""
    return torch.stack(tuple(moments)).cpu().numpy()
