"""What training sees of a data set: arrays and where they come from."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from normdrop.errors import DataError

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

    @classmethod
    def of(
        cls,
        name: str,
        train: tuple[NDArray[Any], NDArray[Any]],
        test: tuple[NDArray[Any], NDArray[Any]],
    ) -> Self:
        """A data set of your own arrays.

        Args:
            name: What results call it; none of the names that `load` knows.
            train: Inputs and targets to train on: images as uint8 of shape (N, channels, height,
                width), or numbers as float32 of any shape (N, ...); targets of shape (N,), class
                numbers from 0 as integers, or values as floats.
            test: The same to test on.

        Raises:
            DataError: When an array has another type or shape than these.

        >>> import numpy as np
        >>> rows, labels = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
        >>> Dataset.of("corners", train=(rows, labels), test=(rows, labels)).classes
        2
        """
        splits = [_split(name, part, arrays) for part, arrays in (("train", train), ("test", test))]
        integers = np.issubdtype(splits[0].targets.dtype, np.integer)
        labels = np.concatenate([split.targets for split in splits])
        return cls(
            name=name,
            title=name,
            train=splits[0],
            test=splits[1],
            task="classification" if integers else "regression",
            classes=int(labels.max()) + 1 if integers else None,
            checksum=checksum(splits),
            notes=(),
            citation="",
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input: (channels, height, width) or (features,)."""
        return self.train.inputs.shape[1:]

    def __repr__(self) -> str:
        return (
            f"Dataset({self.name!r}, {len(self.train)} + {len(self.test)} of shape {self.shape}, "
            f"checksum {self.checksum[:12]})"
        )


def checksum(splits: Iterable[Split]) -> str:
    """SHA-256 over the arrays of the splits, their types and shapes."""
    total = hashlib.sha256()
    for split in splits:
        for values in (split.inputs, split.targets):
            total.update(f"{values.dtype.str} {values.shape}\n".encode())
            total.update(np.ascontiguousarray(values).data)
    return total.hexdigest()


def _split(name: str, part: str, arrays: tuple[NDArray[Any], NDArray[Any]]) -> Split:
    """Check two arrays and bring their targets to the types of a split."""
    inputs, targets = arrays
    for which, values in (("inputs", inputs), ("targets", targets)):
        if not isinstance(values, np.ndarray):
            raise DataError(
                f"{name}: {part} {which} are of type {type(values).__name__}; give numpy arrays, "
                "such as np.asarray(rows), tensor.numpy() or frame.to_numpy()"
            )
    if inputs.dtype not in (np.uint8, np.float32) or inputs.ndim < 2:  # noqa: PLR2004 - (N, ...)
        raise DataError(
            f"{name}: {part} inputs are {inputs.dtype} of shape {inputs.shape}; give uint8 images "
            "or float32 numbers, one row per example"
        )
    if targets.shape != (len(inputs),) or targets.dtype.kind not in "iuf":
        raise DataError(
            f"{name}: {part} targets are {targets.dtype} of shape {targets.shape} for "
            f"{len(inputs)} inputs; give one class number or value per input"
        )
    if targets.dtype.kind == "f":
        return Split(inputs, targets.astype(np.float32))
    if targets.min(initial=0) < 0:
        raise DataError(f"{name}: {part} targets hold {targets.min()}; class numbers start at 0")
    return Split(inputs, targets.astype(np.int64))


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
