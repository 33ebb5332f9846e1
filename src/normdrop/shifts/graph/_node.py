"""One call of one operation, and the tensors of the model that it reads."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from normdrop.shifts.graph._details import Attention, Details, Noise, Norm, Recurrent
from normdrop.shifts.graph._kind import Kind
from normdrop.values.location import Location

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter or buffer: where it lives, its shape, and a way to its values.

    Nothing is copied until `read` is called, and what `read` returns is what the model holds at
    that moment.

    Attributes:
        path: Its name in the model, such as `"layer1.0.bn2.running_var"`; empty for a tensor that
            the model holds unregistered, or computes from others.
        shape: Its shape.
        dtype: Its element type, such as `"float32"`.
        reader: Returns its values as an array.

    >>> import numpy as np
    >>> Parameter("bn.weight", (2,), "float32", lambda: np.ones(2)).read()
    array([1., 1.])
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    reader: "Callable[[], NDArray[Any]]" = field(repr=False, compare=False)

    def read(self) -> "NDArray[Any]":
        """The values as a read-only array."""
        values = self.reader().view()
        values.flags.writeable = False
        return values

    def to_dict(self) -> dict[str, object]:
        """Everything but the values, as JSON knows it."""
        return {"path": self.path, "shape": list(self.shape), "dtype": self.dtype}


@dataclass(frozen=True, slots=True)
class Node:
    """One call of one operation, and the one tensor it yields.

    A call that yields several tensors is as many nodes, alike but for `output` and shape.

    Attributes:
        id: Position in `Graph.nodes`; inputs have smaller ids.
        kind: What the call does.
        operation: The framework's name of the operation: `"conv2d"`, `"batch_norm"`, `"add"`.
        inputs: Ids of the nodes whose tensors it takes, in the order of its arguments; parameters
            that `parameters` names are not among them.
        shape: Shape of the output, batch axis included.
        dtype: Element type of the output, such as `"float32"`.
        layer: The layer the call belongs to; empty for inputs, parameters and constants. Calls of
            one layer share its parameters and settings. For a module it is its path; for a function
            called in a module's own forward, the module's path and the function, as in
            `"layer1.0.dropout()"`, and with `"#2"` for the second such line.
        module: Path of the innermost module the call was made in; `""` is the model itself.
        modules: Paths of all modules around it, outermost first, `module` last.
        module_type: Class name of the innermost module.
        location: The line that made the call, or that called the library layer that made it.
        channel_axis: The output's axis that holds channels, where the operation defines one.
        details: What is particular to its kind; None for inputs, constants, parameters and
            unknown operations.
        parameters: The tensors of the model it reads, by role: `weight` and `bias`; for a norm
            `gamma`, `beta`, `running_mean` and `running_var`; for a node of kind parameter or
            constant `value`.
        output: Which of the call's tensors this is.
    """

    id: int
    kind: Kind
    operation: str
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: str
    layer: str = ""
    module: str = ""
    modules: tuple[str, ...] = ()
    module_type: str = ""
    location: Location | None = None
    channel_axis: int | None = None
    details: Details | None = field(default=None, hash=False)
    parameters: Mapping[str, Parameter] = field(default_factory=dict, hash=False)
    output: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    @property
    def norm(self) -> Norm | None:
        """Its details, if it is a norm."""
        return self.details if isinstance(self.details, Norm) else None

    @property
    def noise(self) -> Noise | None:
        """The noise it adds, be it a noise layer or noise inside attention or recurrence."""
        if isinstance(self.details, Attention | Recurrent):
            return self.details.noise
        return self.details if isinstance(self.details, Noise) else None

    @property
    def carries_statistics(self) -> bool:
        """Whether it is a norm with running statistics."""
        return self.norm is not None and self.norm.carries_statistics

    def to_dict(self) -> dict[str, object]:
        """Everything but the parameters' values, as JSON knows it."""
        plain = {
            key: _plain(getattr(self, key))
            for key in self.__dataclass_fields__
            if key not in {"parameters", "location"}
        }
        plain["location"] = str(self.location) if self.location else None
        plain["parameters"] = {name: value.to_dict() for name, value in self.parameters.items()}
        return plain


def _plain(value: object) -> object:
    """Dataclasses, mappings, tuples and nan, as JSON knows them."""
    if dataclasses.is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
