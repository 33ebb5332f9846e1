"""Answers norm calls and keeps the statistics of what reached them."""

from collections.abc import Iterable

import torch
from torch import Tensor

from normdrop.errors import UsageError
from normdrop.torch._norm_call import Moments, NormCall
from normdrop.torch._switches import Switches
from normdrop.torch.stream._listener import by_batch, by_running, moments
from normdrop.torch.stream._seen import Seen, Tally


class Recorder:
    """What reached every norm layer in one mode.

    Attributes:
        batch: Number of the batch that runs.
        stored: Norm layer path to the running statistics when it was first called.
        buffers: Norm layer path to its running mean and variance themselves.
        frozen: Norm layers met that keep to running statistics in train mode, as far as told.
    """

    def __init__(self) -> None:
        self.batch = 0
        self.stored: dict[str, Moments] = {}
        self.buffers: dict[str, tuple[Tensor, Tensor]] = {}
        self.frozen: set[str] = set()
        self._tallies: dict[str, Tally] = {}

    def answer(self, path: str, call: NormCall) -> Tensor:
        """Record a call and answer it as eval mode does."""
        self._record(path, call)
        return by_running(call)

    def seen(self) -> dict[str, Seen]:
        """Norm layer path to the statistics of all batches."""
        return {path: tally.seen() for path, tally in self._tallies.items()}

    def _record(self, path: str, call: NormCall) -> Tensor:
        tally = self._tallies.get(path)
        if tally is None:
            tally = self._tallies[path] = Tally(path, pooled=not call.per_instance)
            self.stored[path] = copied(call.running_mean, call.running_variance)
            self.buffers[path] = call.running_mean, call.running_variance
        found = moments(call)
        x = call.x
        tally.add(self.batch, x.numel() // x.shape[1], found)
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
        return by_batch(call, found[0], found[1])

    def _is_frozen(self, path: str, call: NormCall) -> bool:
        """A norm without a module of its own says so by its call."""
        return path in self._known or (path not in self._mixed and not call.from_batch)


def copied(mean: Tensor, variance: Tensor) -> Moments:
    """A copy of running statistics in float64 on the CPU; not every device has float64."""
    both = (x.detach().cpu().to(torch.float64, copy=True) for x in (mean, variance))
    return Moments(*both)
