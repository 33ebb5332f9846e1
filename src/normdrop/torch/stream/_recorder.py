"""Answers norm calls and keeps the statistics of what reached them."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from normdrop.errors import UsageError
from normdrop.shifts.stream import Record, Stored
from normdrop.torch.watch._listener import by_batch, by_running, moments
from normdrop.torch.watch._norm_call import NormCall
from normdrop.torch.watch._switches import Switches


class Recorder(Record[Tensor]):
    """What reached every norm layer in one mode.

    Attributes:
        buffers: Norm layer path to its running mean and variance themselves.
        frozen: Norm layers met that keep to running statistics in train mode, as far as told.
    """

    def __init__(self) -> None:
        super().__init__(_stacked)
        self.buffers: dict[str, tuple[Tensor, Tensor]] = {}
        self.frozen: set[str] = set()

    def answer(self, path: str, call: NormCall) -> Tensor:
        """Record a call and answer it as eval mode does."""
        self._record(path, call)
        return by_running(call)

    def _record(self, path: str, call: NormCall) -> Tensor:
        if path not in self.buffers:
            running = call.running_mean, call.running_variance
            self.begin(path, copied(*running), pooled=not call.per_instance)
            self.buffers[path] = running
        found = moments(call)
        x = call.x
        self.add(path, x.numel() // x.shape[1], found)
        return found


class BatchRecorder(Recorder):
    """What reached every norm layer while each goes by its batch's statistics, frozen ones aside.

    Args:
        switches: Which norm layers are frozen.
        frozen: More of them.
    """

    def __init__(self, switches: Switches, frozen: Iterable[str] = ()) -> None:
        super().__init__()
        self._known = switches.frozen | frozenset(frozen)
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


def copied(mean: Tensor, variance: Tensor) -> Stored:
    """A copy of running statistics in float64 on the CPU; not every device has float64."""
    both = (np.array(x.detach().cpu().double().numpy()) for x in (mean, variance))
    return Stored(*both)


def _stacked(moments: Sequence[Tensor]) -> NDArray[Any]:
    """One array of some tens of tensors: numpy's calls cost a fraction of torch's."""
    return torch.stack(tuple(moments)).cpu().numpy()
