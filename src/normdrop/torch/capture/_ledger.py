"""Which node each tensor comes from.

Tensors are told apart by identity, and every tensor seen is kept alive, so that no identity is
used twice. A tensor that a call writes into moves on to the node of that call. Tensors that share
its memory follow when they are next read.
"""

from collections import defaultdict
from dataclasses import dataclass, replace

from torch import Tensor

from normdrop.torch.capture._draws import Draw


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one tensor at one time.

    Attributes:
        tensor: The tensor.
        time: When it was last assigned.
        node: The node it comes from, if it depends on the model's input.
        path: The name of the parameter or buffer it is, else `""`.
        origin: The user's tensor that it stands for, if it stands for one.
        draw: What is known of its values, if they do not depend on the input.
    """

    tensor: Tensor
    time: int
    node: int | None = None
    path: str = ""
    origin: Tensor | None = None
    draw: Draw | None = None

    @property
    def flows(self) -> bool:
        """Whether it depends on the model's input."""
        return self.node is not None


class Ledger:
    """The entry of every tensor seen so far."""

    def __init__(self) -> None:
        self._time = 0
        self._entries: dict[int, Entry] = {}
        self._writes: defaultdict[int, list[Entry]] = defaultdict(list)

    def assign(self, entry: Entry, *, written: bool = False) -> None:
        """Set what is known of `entry.tensor` from now on; `written` if its memory changed."""
        self._time += 1
        entry = replace(entry, time=self._time)
        self._entries[id(entry.tensor)] = entry
        if written:
            self._writes[_storage(entry.tensor)].append(entry)

    def release(self) -> None:
        """Forget the tensors that depend on the input, which hold the memory of a real run."""
        self._entries = {key: each for key, each in self._entries.items() if not each.flows}
        self._writes.clear()

    def find(self, tensor: Tensor) -> Entry | None:
        """What is known of a tensor, were its memory untouched by other tensors."""
        return self._entries.get(id(tensor))

    def later_writes(self, entry: Entry) -> list[Entry]:
        """What was written, since the entry was made, into memory its tensor shares."""
        if not self._writes:
            return []
        written = self._writes.get(_storage(entry.tensor), [])
        return [each for each in written if each.time > entry.time]


def _storage(tensor: Tensor) -> int:
    """A number that tensors sharing memory share; sparse tensors share with nobody."""
    try:
        return int(tensor.untyped_storage()._cdata)  # noqa: SLF001 - stand-ins have no address to go by
    except (NotImplementedError, RuntimeError):
        return id(tensor)
