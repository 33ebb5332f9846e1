"""What training sees of a data set: arrays and where they come from."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Task: TypeAlias = Literal["classification", "regression"]


@dataclass(frozen=True, eq=False)
class Split:
    """Inputs and targets, row by row.

    Attributes:
        inputs: Images as uint8 of shape (N, channels, height, width), or tables as float32 of
            shape (N, features), in the units of the source.
        targets: Class numbers as int64, or float32 values in the units of the source; shape (N,).
    """

    inputs: NDArray[np.uint8] | NDArray[np.float32]
    targets: NDArray[np.int64] | NDArray[np.float32]

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets):
            message = f"{len(self.inputs)} inputs, but {len(self.targets)} targets"
            raise ValueError(message)

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in memory.

    Attributes:
        name: The name it is loaded by.
        title: Its name in print.
        train: The rows to train on.
        test: The rows to test on.
        task: "classification" or "regression".
        classes: The number of classes; none for regression.
        checksum: SHA-256 of the exact data, whichever way its files are compressed. It belongs in
            the key of every result.
        notes: What must be said wherever a result on this data is shown; usually nothing.
        citation: What the makers of the data ask to be cited.
    """

    name: str
    title: str
    train: Split
    test: Split
    task: Task
    classes: int | None
    checksum: str
    notes: tuple[str, ...]
    citation: str

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input: (channels, height, width) or (features,)."""
        return self.train.inputs.shape[1:]

    def __repr__(self) -> str:
        return (
            f"Dataset({self.name!r}, {len(self.train)} + {len(self.test)} of shape {self.shape}, "
            f"checksum {self.checksum[:12]})"
        )


def distinct(rows: NDArray[Any]) -> NDArray[np.int64]:
    """Number the distinct rows by first appearance: equal rows get equal numbers.

    Example:
        >>> distinct(np.array([[5.0], [2.0], [5.0], [1.0]])).tolist()
        [0, 1, 0, 2]
    """
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse.reshape(-1)]
