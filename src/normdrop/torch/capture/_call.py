"""One recorded call, as the recognisers see it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from normdrop.shifts.graph import Details, Kind
from normdrop.torch.capture._draws import Draw
from normdrop.values.operations import Function


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one operation, after it ran.

    Attributes:
        name: The operation, such as `"conv2d"`.
        arguments: What it was called with, by the names its entry gives the positions.
        positional: Its positional arguments.
        tensors: Every tensor among its arguments, in order.
        outputs: Every tensor it returned.
        output: Which of them is described.
        in_place: Whether it wrote into one of its arguments.
        module: The innermost module it was called in.
        flows: Whether a tensor depends on the model's input.
        draw: What is known about a tensor that does not.
        path: The name of a parameter or buffer, or `""`.
    """

    name: str
    arguments: Mapping[str, Any]
    positional: tuple[Any, ...]
    tensors: Sequence[Tensor]
    outputs: Sequence[Tensor]
    in_place: bool
    module: nn.Module
    flows: Callable[[Tensor], bool]
    draw: Callable[[Tensor], Draw | None]
    path: Callable[[Tensor], str]
    output: int = 0

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - arguments are anything
        """An argument by name, or what the operation takes when it is not given."""
        return self.arguments.get(name, default)

    def is_on(self, name: str, *, default: bool = False) -> bool:
        """A flag by name."""
        return bool(self.arguments.get(name, default))

    @property
    def x(self) -> Tensor:
        """The argument named `input`."""
        value = self.arguments["input"]
        assert isinstance(value, Tensor)  # noqa: S101 - an entry names its tensor argument
        return value

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the argument named `input`."""
        return tuple(self.x.shape)

    def number(self, value: object) -> float | None:
        """A scalar argument, or a tensor of one known number, as a number."""
        if isinstance(value, bool | int | float):
            return float(value)
        if isinstance(value, Tensor) and not self.flows(value):
            draw = self.draw(value)
            return draw.known if draw else None
        return None


@dataclass(frozen=True, slots=True)
class Description:
    """What a recogniser makes of a call.

    Attributes:
        kind: The node's kind.
        details: The node's details.
        channel_axis: The output's axis of channels.
        roles: The tensors of the model that the node lists as parameters, by role.
        sources: The tensors that flow into the node; by default all arguments without a role.
    """

    kind: Kind
    details: Details | None = None
    channel_axis: int | None = None
    roles: Mapping[str, Tensor | None] = field(default_factory=dict)
    sources: Sequence[Tensor] | None = None


Recogniser = Callable[[Call], Description | None]
DescribeModule = Callable[[nn.Module, Tensor], Description]
"""Describes a module and what it is called with as one call, whatever its forward does inside."""


@dataclass(frozen=True, slots=True)
class CallReader:
    """How to read the calls of one operation.

    Attributes:
        arguments: Names of its positional arguments, in order.
        describe: Says what a call is, or None when this call is nothing it knows.
    """

    arguments: tuple[str, ...]
    describe: Recogniser


def entry(arguments: str, describe: Recogniser) -> CallReader:
    """An entry whose positional arguments are named in one string, separated by spaces."""
    return CallReader(tuple(arguments.split()), describe)


def entries(spellings: Iterable[Function], describe: Recogniser) -> dict[str, CallReader]:
    """Entries for functions of the vocabulary, by the name that capture gives their calls.

    A function of `torch.nn.functional` may take other arguments than torch's own of that name, and
    has a name of its own beside the common one.
    """
    made: dict[str, CallReader] = {}
    for each in spellings:
        read = CallReader(each.arguments, describe)
        if each.address.startswith("torch.nn.functional."):
            made[f"F.{each.operation}"] = read
            made.setdefault(each.operation, read)
        else:
            made[each.operation] = read
    return made


def per_axis(value: int | Sequence[int] | None, count: int, default: int = 0) -> tuple[int, ...]:
    """One number per axis, from one for all of them or a sequence.

    >>> per_axis(3, 2), per_axis((1, 2), 2), per_axis((5,), 2), per_axis(None, 2, 1)
    ((3, 3), (1, 2), (5, 5), (1, 1))
    """
    if value is None or (isinstance(value, Sequence) and not value):
        return (default,) * count
    if isinstance(value, int):
        return (value,) * count
    numbers = tuple(int(each) for each in value)
    return numbers * count if len(numbers) == 1 else numbers
