"""Recording every call a model makes.

A `TorchFunctionMode` sees each public torch function a forward calls, once, before it goes to work:
`torch.nn.functional.batch_norm` is one call, whatever kernels it ends in.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from normdrop.shifts.graph import Kind, Noise
from normdrop.torch._trees import map_leaves, tensors_in
from normdrop.torch.capture._call import Call, Description
from normdrop.torch.capture._mask_calls import FOLLOWERS, draw_of
from normdrop.torch.capture._nodes import Nodes, known_number
from normdrop.torch.capture._placing import Twins, raise_as_if_real, unmoved, unrecorded
from normdrop.torch.capture._quick_shapes import quick_result
from normdrop.torch.capture._scope import CallStack, Frame
from normdrop.torch.capture._shapes import MANY
from normdrop.torch.capture._table import bound, entry_of, operation_name
from normdrop.values.operations import DRAWS

_BY_SHAPE = {
    *(draw.name for draw in DRAWS if draw.name.endswith("_like")),
    *("zeros_like", "ones_like", "empty_like", "full_like"),
    *("new", "new_empty", "new_zeros", "new_ones", "new_full", "new_tensor"),
}
"""Operations that read the shape of their first argument and no values."""
_BY_FIRST = {"expand_as", "view_as", "reshape_as", "type_as", "to"}
"""Operations that read the values of their first argument and no others."""
_OVERWRITING = {
    *(draw.operation for draw in DRAWS if draw.address.startswith("torch.Tensor.")),
    *("fill", "zero"),
}
"""Operations whose in-place form forgets the values that were there."""


def read_by(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], written: list[Tensor]
) -> list[Tensor]:
    """The tensors whose values a call reads, each once per argument.

    A mask drawn with the shape of an activation does not depend on the activation.
    """
    if name in _BY_SHAPE:
        return list(tensors_in((args[1:], kwargs)))
    if name in _BY_FIRST:
        return list(tensors_in(args[:1]))
    read = list(tensors_in((args, {key: each for key, each in kwargs.items() if key != "out"})))
    if name in _OVERWRITING and written:
        return [each for each in read if each is not written[0]]
    return read


@dataclass(frozen=True, slots=True)
class _Event:
    """One call that ran.

    Attributes:
        function: What was called.
        name: Its name.
        args: Its arguments.
        kwargs: Its named arguments.
        result: What it returned.
        sources: The tensors whose values it read.
        written: The tensors it wrote into.
    """

    function: Callable[..., Any]
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any
    sources: list[Tensor]
    written: list[Tensor]


class Recorder(TorchFunctionMode):
    """Turns the calls made while it is active into nodes.

    Attributes:
        nodes: The nodes so far.
        used: Names of the parameters and buffers that were read.
    """

    def __init__(self, scope: CallStack, *, real: bool) -> None:
        super().__init__()
        self.nodes = Nodes(scope)
        self.used: set[str] = set()
        self._scope = scope
        self._twins = None if real else Twins(self.nodes.twin)
        self._silent = False

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the function returns
        """Run one call, and record it if tensors come out of it or change."""
        kwargs = kwargs or {}
        name = operation_name(func)
        if self._twins is not None:
            func, args, kwargs = unmoved(func, name, args, kwargs)
            args, kwargs = self._twins.placed(args, kwargs)
        given = list(tensors_in((args, kwargs)))
        versions = [_version(each) for each in given]
        result = self._result(func, name, args, kwargs)
        if self._silent:
            return result
        changed = zip(given, versions, strict=True)
        written = [each for each, version in changed if _version(each) != version]
        if not written and not any(True for _ in tensors_in(result)):
            return result
        sources = read_by(name, args, kwargs, written)
        return self._record(_Event(func, name, args, kwargs, result, sources, written))

    def _result(
        self, func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:  # noqa: ANN401 - whatever the function returns
        """The result of a call, or the error that real tensors would cause."""
        if self._twins is None:
            return func(*args, **kwargs)
        quick = quick_result(func, name, args, kwargs)
        try:
            return func(*args, **kwargs) if quick is None else quick
        except RuntimeError as error:
            raise_as_if_real(func, args, kwargs, error)
            raise

    def give(self, tensor: Tensor, name: str) -> int:
        """Introduce an input of the model, as a node."""
        node = self.nodes.add(Kind.INPUT, name, (), tensor)
        self.nodes.flow(tensor, node)
        return node

    def checked(self, frame: Frame, result: Any) -> Any:  # noqa: ANN401 - whatever a forward returns
        """Record what a forward returned and no recorded call made, as the work of the module."""
        hidden = [each for each in tensors_in(result) if not self.nodes.is_known(each)]
        if hidden and not self._silent:
            with unrecorded():
                sources = [each for each in frame.tensors if self.nodes.is_known(each)]
                for index, each in enumerate(hidden):
                    self._flow(type(frame.module).__name__, None, sources, each, index)
        return result

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Record nothing inside."""
        before, self._silent = self._silent, True
        try:
            yield
        finally:
            self._silent = before

    def record_whole(
        self,
        name: str,
        description: Description,
        inputs: Sequence[Tensor],
        result: Any,  # noqa: ANN401 - whatever a module returns
    ) -> Any:  # noqa: ANN401 - same
        """Record a module's forward as one call, described already."""
        with unrecorded():
            sources = [each for each in inputs if self.nodes.flows(each)]
            result = _renewed(result, sources)
            for index, output in enumerate(tensors_in(result)):
                self._flow(name, description, sources, output, index)
        return result

    def _record(self, event: _Event) -> Any:  # noqa: ANN401 - whatever the function returned
        entries = [self.nodes.entry(each) for each in event.sources]
        self.used.update(entry.path for entry in entries if entry.path)
        call = self._call(event)
        description = self._described(event, call)
        if any(entry.flows for entry in entries) or self._disturbs(description):
            return self._record_flow(event, call, description)
        self._fix(event, call)
        return event.result

    def _record_flow(self, event: _Event, call: Call, description: Description | None) -> Any:  # noqa: ANN401 - whatever the function returned
        """Add the nodes of a call, and hand on its result."""
        roles = {id(each) for each in description.roles.values()} if description else set()
        written = [each for each in event.written if id(each) not in roles]
        result = event.result if written else _renewed(event.result, event.sources)
        outputs = list(tensors_in(result))
        for index, output in enumerate(outputs):
            if index and event.name in MANY:
                description = self._described(event, replace(call, output=index))
            wrote = any(output is each for each in written)
            self._flow(event.name, description, event.sources, output, index, wrote=wrote)
        for each in written:
            if not any(each is output for output in outputs):
                self._flow(event.name, description, event.sources, each, 0, wrote=True)
            if self._twins is not None:
                self._twins.note_written(each)
        return result

    def _disturbs(self, description: Description | None) -> bool:
        """Whether a call adds noise to a weight or a constant, which flows from there on.

        Dropout of a tensor of one known number only makes a mask.
        """
        if description is None or not isinstance(description.details, Noise):
            return False
        sources = description.sources or ()
        unknown = any(self.nodes.entry(each).draw is None for each in sources)
        return description.details.active and unknown

    def _fix(self, event: _Event, call: Call) -> None:
        """Note a call that depends on no input."""
        self.nodes.tape.record(
            event.function, event.args, event.kwargs, call.outputs, event.written
        )
        names = FOLLOWERS[call.name][0] if call.name in FOLLOWERS else ()
        draw = draw_of(replace(call, arguments=bound(names, event.args, event.kwargs)))
        touched = {id(each): each for each in (*call.outputs, *event.written)}
        for index, output in enumerate(touched.values()):
            wrote = any(output is each for each in event.written)
            if wrote or not self.nodes.is_known(output):
                known = draw if index == 0 and draw is not None else known_number(output)
                self.nodes.fix(output, known, written=wrote)

    def _call(self, event: _Event) -> Call:
        entry = entry_of(event.function, event.name)
        return Call(
            event.name,
            bound(entry.arguments if entry else (), event.args, event.kwargs),
            event.args,
            event.sources,
            list(tensors_in(event.result)) or event.written[:1],
            in_place=bool(event.written),
            module=self._scope.frames[-1].module,
            flows=self.nodes.flows,
            draw=lambda tensor: self.nodes.entry(tensor).draw,
            path=lambda tensor: self.nodes.entry(tensor).path,
        )

    def _described(self, event: _Event, call: Call) -> Description | None:
        """What the table says of a call; arguments no entry foresaw leave it unknown."""
        entry = entry_of(event.function, call.name)
        try:
            return entry.describe(call) if entry else None
        except (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError):
            return None

    def _flow(
        self,
        name: str,
        description: Description | None,
        sources: Sequence[Tensor],
        output: Tensor,
        index: int,
        *,
        wrote: bool = False,
    ) -> None:
        """Add the node of one output of a call."""
        described = self._certain(description, extra=bool(index) and name not in MANY)
        taken = sources if described.sources is None else described.sources
        roles = {role: each for role, each in described.roles.items() if each is not None}
        held = {id(each) for each in roles.values()}
        parameters = {
            role.removesuffix(".T"): self.nodes.parameter(each, transposed=role.endswith(".T"))
            for role, each in roles.items()
        }
        owners = {each.path.rpartition(".")[0] for each in parameters.values() if each.path}
        node = self.nodes.add(
            described.kind,
            name,
            tuple(self.nodes.node_of(each) for each in taken if id(each) not in held),
            output,
            owner=owners.pop() if len(owners) == 1 else None,
            channel_axis=described.channel_axis,
            details=described.details,
            parameters=parameters,
            output=index,
        )
        self.nodes.flow(output, node, written=wrote)

    def _certain(self, description: Description | None, *, extra: bool) -> Description:
        """The description, less what depends on the input among its parameters.

        A linear map whose weights depend on the input is unknown, and so is what a call yields
        beside its main result.
        """
        if description is None:
            return Description(Kind.UNKNOWN)
        roles = {role: each for role, each in description.roles.items() if each is not None}
        fixed = {role: each for role, each in roles.items() if not self.nodes.flows(each)}
        if extra or (description.kind is Kind.WEIGHT and len(fixed) < len(roles)):
            return Description(Kind.UNKNOWN, roles=fixed if extra else {})
        return replace(description, roles=fixed)


def _renewed(result: Any, sources: Sequence[Tensor]) -> Any:  # noqa: ANN401 - any result
    """The result with new tensor objects where a call returned its argument as it was.

    Only then does a node of its own stand between the argument and the result.
    """
    ids = {id(each) for each in sources}
    return map_leaves(
        lambda leaf: leaf.detach() if isinstance(leaf, Tensor) and id(leaf) in ids else leaf,
        result,
    )


def _version(tensor: Tensor) -> int:
    """A number that grows whenever a tensor is written into."""
    return -1 if tensor.is_inference() else tensor._version  # noqa: SLF001 - how autograd tells
