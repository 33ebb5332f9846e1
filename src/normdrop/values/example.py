"""What stands in for a real example input: a shape and an element type."""

from collections.abc import Iterable
from dataclasses import dataclass

from normdrop.errors import UsageError


@dataclass(frozen=True, slots=True)
class Input:
    """The shape and element type of one input of a model, without the batch axis.

    Attributes:
        shape: Extents of all axes but the batch axis, each at least 1.
        dtype: The element type by the name every framework knows it by.

    Raises:
        UsageError: If it is no shape, an extent is not a positive whole number, or the element type
            is not given by its name.

    >>> Input((3, 32, 32))
    Input(shape=(3, 32, 32), dtype='float32')
    """

    shape: tuple[int, ...]
    dtype: str = "float32"

    def __post_init__(self) -> None:
        """Refuse extents that no tensor has."""
        if not isinstance(self.dtype, str):
            raise UsageError(
                f"an input's dtype is a name such as 'float32', which every framework knows, not "
                f"{self.dtype!r}"
            )
        if not isinstance(self.shape, Iterable):
            raise UsageError(
                f"an input's shape is the extents of all axes but the batch axis, such as "
                f"(3, 32, 32), not {self.shape!r}"
            )
        object.__setattr__(self, "shape", tuple(self.shape))
        for extent in self.shape:
            if not isinstance(extent, int) or isinstance(extent, bool) or extent < 1:
                raise UsageError(
                    f"an input's shape holds {extent!r}: give the positive extents of all axes "
                    "but the batch axis, such as (3, 32, 32)"
                )
