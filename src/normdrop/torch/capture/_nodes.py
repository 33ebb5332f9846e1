"""The nodes made so far, and the tensors they come from.

Tensors are told apart by identity, and every tensor seen is kept alive, so that no identity is
used twice. A tensor that a call writes into moves on to the node of that call. Tensors that share
its memory follow when they are next read.

Standardized, normalized or otherwise computed weights have no values while a model is captured.
The calls that depend on no input are kept: replaying those that made a weight, on the model's own
tensors, gives it.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from normdrop.shifts.graph import Kind, Node, Parameter, Reshape
from normdrop.torch.capture._draws import Draw
from normdrop.torch.capture._placing import preserved_random_state
from normdrop.torch.capture._scope import CallStack, Frame, call_site
from normdrop.torch.trees import map_leaves, tensors_in


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


@dataclass(frozen=True, slots=True)
class _TapedCall:
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    results: tuple[Tensor, ...]
    written: tuple[Tensor, ...]


class Tape:
    """Calls in the order they were made."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._steps: list[_TapedCall] = []

    def record(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        results: Sequence[Tensor],
        written: Sequence[Tensor],
    ) -> None:
        """Keep one call."""
        self._steps.append(_TapedCall(function, args, kwargs, tuple(results), tuple(written)))

    def reader(self, tensor: Tensor) -> Callable[[], NDArray[Any]]:
        """A function that returns the values of a tensor as they are at this point of the tape."""
        end = len(self._steps)
        return lambda: to_numpy(self._value(tensor, end))

    def _value(self, tensor: Tensor, end: int) -> Tensor:
        values: dict[int, Tensor] = {}
        with torch.no_grad(), preserved_random_state():
            for step in self._needed(tensor, end):
                self._play(step, values)
            return self._resolved(tensor, values)

    def _needed(self, tensor: Tensor, end: int) -> list[_TapedCall]:
        """The steps before `end` that the values of a tensor depend on, in order."""
        wanted, steps = {id(tensor)}, []
        for step in reversed(self._steps[:end]):
            if wanted & {id(each) for each in (*step.results, *step.written)}:
                steps.append(step)
                wanted |= {id(each) for each in tensors_in((step.args, step.kwargs))}
        return steps[::-1]

    def _play(self, step: _TapedCall, values: dict[int, Tensor]) -> None:
        for each in step.written:
            values[id(each)] = self._resolved(each, values).clone()

        def real(leaf: object) -> object:
            if isinstance(leaf, Tensor):
                return self._resolved(leaf, values)
            if isinstance(leaf, torch.device) and leaf.type == "meta":
                return torch.device("cpu")
            return leaf

        made = step.function(*map_leaves(real, step.args), **map_leaves(real, step.kwargs))
        values |= {id(old): new for old, new in zip(step.results, tensors_in(made), strict=False)}

    def _resolved(self, tensor: Tensor, values: dict[int, Tensor]) -> Tensor:
        if id(tensor) in values:
            return values[id(tensor)]
        entry = self._ledger.find(tensor)
        if entry is not None and entry.origin is not None:
            return entry.origin.detach()
        # Only the shape of a stand-in without an origin can matter here.
        return torch.zeros(tensor.shape, dtype=tensor.dtype) if tensor.is_meta else tensor


def to_numpy(tensor: Tensor) -> NDArray[Any]:
    """A tensor's values, without a copy where it can be; what numpy lacks becomes float32."""
    plain = tensor.detach().cpu()
    if plain.dtype in {torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2}:
        plain = plain.float()
    values: NDArray[Any] = np.asarray(plain.resolve_conj().resolve_neg().numpy())
    return values


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

    def __init__(self, scope: CallStack) -> None:
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
