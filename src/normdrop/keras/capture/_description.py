"""What a call is, in the words of the graph."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from normdrop.shifts.graph import Details, Kind, Parameter


@dataclass(frozen=True)
class Description:
    """One node that a call becomes.

    Attributes:
        kind: What it does.
        details: What is particular to that.
        channel_axis: The output's axis of channels, where the operation defines one.
        parameters: The variables it reads, by role.
        operation: Its name; that of the operation's class if left out.
    """

    kind: Kind
    details: Details | None = None
    channel_axis: int | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    operation: str = ""


@dataclass(frozen=True)
class CallOf:
    """One call of an operation.

    Attributes:
        operation: The layer or operation.
        shapes: Shapes of the tensors it takes.
        output: Shape of the tensor it yields.
        args: Positional arguments, symbolic tensors among them.
        kwargs: Named arguments.
        training: Whether it runs in training.
    """

    operation: Any
    shapes: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    training: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the first tensor it takes."""
        return self.shapes[0]


Describe = Callable[[CallOf], "Description | list[Description] | None"]
"""One node, several one after the other, or `None` where it is not understood after all."""


def parameter(
    variable: Any,  # noqa: ANN401 - Keras' variable
    arrange: Callable[[Any], Any] = lambda values: values,
    shape: tuple[int, ...] | None = None,
) -> Parameter:
    """A variable, its values in the layout of the graph."""
    return Parameter(
        variable.path,
        tuple(variable.shape) if shape is None else shape,
        keras.backend.standardize_dtype(variable.dtype),
        lambda: arrange(keras.ops.convert_to_numpy(variable)),
    )


def given(**variables: Any) -> dict[str, Parameter]:  # noqa: ANN401 - Keras' variables
    """The variables that there are, by role."""
    return {role: parameter(each) for role, each in variables.items() if each is not None}


def layers(names: Iterable[str], describe: Describe) -> dict[type, Describe]:
    """What describes the classes of `keras.layers` of these names; not every version has all."""
    found = (getattr(keras.layers, name, None) for name in names)
    return {each: describe for each in found if each is not None}
