"""A tensor of the model that is read when somebody asks for its values."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

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
