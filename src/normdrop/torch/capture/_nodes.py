"""The nodes made so far, and the tensors they come from."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from normdrop.shifts.graph import Kind, Node, Parameter, Reshape
from normdrop.torch.capture._call_site import call_site
from normdrop.torch.capture._draws import Draw
from normdrop.torch.capture._ledger import Entry, Ledger
from normdrop.torch.capture._scope import Frame, Scope
from normdrop.torch.capture._tape import Tape, to_numpy


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a node was made: the running forward, and the module that owns its parameters."""

    frame: Frame
    owner: str | None


class Nodes:
    """A growing list of nodes.

    Attributes:
        made: The nodes, by id.
        origins: Where each was made.
        tape: The calls that depend on no input.
    """

    def __init__(self, scope: Scope) -> None:
        self.made: list[Node] = []
        self.origins: list[Origin] = []
        self._scope = scope
        self._ledger = Ledger()
        self.tape = Tape(self._ledger)
        self._settled: dict[tuple[int, int], int] = {}

    def add(
        self,
        kind: Kind,
        operation: str,
        inputs: tuple[int, ...],
        tensor: Tensor,
        *,
        owner: str | None = None,
        **particulars: Any,  # noqa: ANN401 - the remaining fields of a node
    ) -> int:
        """Make the node that yields `tensor`, in the forward that runs now."""
        frame = self._scope.frames[-1]
        node = Node(
            len(self.made),
            kind,
            operation,
            inputs,
            tuple(tensor.shape),
            dtype_name(tensor),
            module=frame.path,
            modules=tuple(each.path for each in self._scope.frames[1:]),
            module_type=type(frame.module).__name__,
            location=call_site() if frame.invocation >= 0 else None,
            **particulars,
        )
        self.made.append(node)
        self.origins.append(Origin(frame, owner))
        return node.id

    def flow(self, tensor: Tensor, node: int, *, written: bool = False) -> None:
        """From now on `tensor` comes from this node."""
        self._ledger.assign(Entry(tensor, 0, node), written=written)

    def fix(self, tensor: Tensor, draw: Draw | None, *, written: bool = False) -> None:
        """`tensor` depends on no input."""
        self._ledger.assign(Entry(tensor, 0, draw=draw), written=written)

    def hold(self, tensor: Tensor, path: str, origin: Tensor) -> None:
        """`tensor` stands for a tensor of the user's model."""
        self._ledger.assign(Entry(tensor, 0, path=path, origin=origin))

    def twin(self, twin: Tensor, original: Tensor) -> None:
        """`twin` stands for `original`, which has values."""
        entry = self.entry(original)
        origin = entry.origin if entry.origin is not None else original
        self._ledger.assign(replace(entry, tensor=twin, origin=origin))

    def release(self) -> None:
        """Keep only what parameters are read from, once the run is over."""
        self._ledger.release()

    def is_known(self, tensor: Tensor) -> bool:
        """Whether a recorded call yielded it, or it is the model's own."""
        return self._ledger.find(tensor) is not None

    def flows(self, tensor: Tensor) -> bool:
        """Whether it depends on the model's input."""
        return self.entry(tensor).flows

    def node_of(self, tensor: Tensor) -> int:
        """The node it comes from; one is made on the spot for what depends on no input."""
        entry = self.entry(tensor)
        return self._source(entry) if entry.node is None else entry.node

    def entry(self, tensor: Tensor) -> Entry:
        """What is known of it now, also when another tensor wrote into its memory."""
        entry = self._ledger.find(tensor)
        if entry is None:
            return self._unseen(tensor)
        writes = [each for each in self._ledger.later_writes(entry) if each.node is not None]
        return self._overwritten(entry, writes) if writes else entry

    def _overwritten(self, entry: Entry, writes: list[Entry]) -> Entry:
        """A tensor whose memory others wrote into: the last writer's, if that wrote all of it."""
        tensor = entry.tensor
        if writes[-1].tensor.numel() == tensor.numel():
            last = writes[-1].node or 0
            node = self.add(Kind.RESHAPE, "alias", (last,), tensor, details=Reshape("view"))
        else:
            before = self._source(entry) if entry.node is None else entry.node
            parts = (each.node for each in writes if each.node is not None)
            node = self.add(Kind.UNKNOWN, "partial_write", (before, *parts), tensor)
        self.flow(tensor, node)
        return self._found(tensor)

    def _unseen(self, tensor: Tensor) -> Entry:
        """A tensor from outside: a constant with values, or the work of a call nobody saw."""
        if tensor.is_meta:
            given = [each for each in self._scope.frames[-1].tensors if self.is_known(each)]
            inputs = tuple(self.node_of(each) for each in given if self.flows(each))
            self.flow(tensor, self.add(Kind.UNKNOWN, "unseen", inputs, tensor))
        else:
            self._ledger.assign(Entry(tensor, 0, origin=tensor, draw=known_number(tensor)))
        return self._found(tensor)

    def _found(self, tensor: Tensor) -> Entry:
        entry = self._ledger.find(tensor)
        assert entry is not None  # noqa: S101 - its callers have just assigned it
        return entry

    def _source(self, entry: Entry) -> int:
        """The node of a tensor that depends on no input, one for all its uses."""
        key = id(entry.tensor), entry.time
        if key not in self._settled:
            kind = Kind.PARAMETER if entry.path else Kind.CONSTANT
            owner = entry.path.rpartition(".")[0] if entry.path else None
            value = {"value": self.parameter(entry.tensor)}
            self._settled[key] = self.add(
                kind, kind.value, (), entry.tensor, owner=owner, parameters=value
            )
        return self._settled[key]

    def parameter(self, tensor: Tensor, *, transposed: bool = False) -> Parameter:
        """A way to the values of a tensor that depends on no input."""
        entry = self.entry(tensor)
        read = self.tape.reader(tensor) if entry.origin is None else _reader(entry.origin)
        shape = tuple(tensor.shape)
        if transposed:
            return Parameter(entry.path, shape[::-1], dtype_name(tensor), lambda: read().T)
        return Parameter(entry.path, shape, dtype_name(tensor), read)


def _reader(tensor: Tensor) -> Callable[[], NDArray[Any]]:
    return lambda: to_numpy(tensor)


def known_number(tensor: Tensor) -> Draw | None:
    """A scalar with a value, as a known number."""
    if tensor.numel() != 1 or tensor.is_meta or tensor.is_complex():
        return None
    return Draw(None, tuple(tensor.shape), offset=float(tensor))


def dtype_name(tensor: Tensor) -> str:
    """`"float32"` for `torch.float32`."""
    return str(tensor.dtype).removeprefix("torch.")
