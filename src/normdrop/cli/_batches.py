"""DATA on the command line: batches of a built-in data set, or of a callable."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import numpy as np

from normdrop.cli._factory import find_callable
from normdrop.errors import UsageError
from normdrop.values.example import Input
from normdrop.verbs import declared_example, is_keras

Split = Literal["train", "test"]

_SEED = 0
"""Of the order of a built-in data set's rows: the same in every pass and every run."""


def resolve(
    data: str, model: object, *, split: Split = "train", batch_size: int = 128
) -> Iterable[object]:
    """Batches of `(inputs, targets)` by the name of a data set, or what a callable yields.

    Rows of a built-in data set come in a fixed shuffled order, images as numbers in [0, 1], as
    `normdrop compare` trains with; for a Keras model as arrays of the shape of its inputs, by
    default with channels where Keras has them. A callable is called without arguments at the start
    of every pass; what it returns is iterated over as it is.

    Args:
        data: `digits`, `mnist` and so on; or `package.module:callable` or `file.py:callable`.
        model: The model they are for.
        split: Which rows of a built-in data set.
        batch_size: Rows per batch of a built-in data set.

    Raises:
        DataError: The data set is unknown, or its files are missing or damaged.
        UsageError: The callable cannot be found or imported; or the rows do not have the shape
            that the model takes.
    """
    if ":" in data:
        return _Called(data, find_callable(data))
    batches = _BuiltIn(data, split, batch_size)
    return _ForKeras(data, batches, _shape(model)) if is_keras(model) else batches


def _shape(model: object) -> tuple[int, ...] | None:
    """What a model's one input says of its shape; None where it says nothing."""
    declared = declared_example(model)
    return declared.shape if isinstance(declared, Input) else None


class _Called:
    """What a callable yields, anew in every pass."""

    def __init__(self, name: str, function: Callable[..., object]) -> None:
        self._name = name
        self._function = function

    def __iter__(self) -> Iterator[object]:
        made = self._function()
        if not isinstance(made, Iterable):
            raise UsageError(
                f"{self._name} gave a {type(made).__name__}: return or yield batches from it"
            )
        return iter(made)


class _BuiltIn:
    """A built-in data set, held as bytes until a batch is due."""

    def __init__(self, name: str, split: Split, batch_size: int) -> None:
        from torch import device

        from normdrop.lab.data import load
        from normdrop.lab.examples import Examples

        dataset = load(name)
        rows = dataset.train if split == "train" else dataset.test
        self._examples = Examples.of(rows, device("cpu"))
        self._batch_size = batch_size

    def __len__(self) -> int:
        return math.ceil(len(self._examples) / self._batch_size)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        from torch import Generator

        order = Generator().manual_seed(_SEED)
        return self._examples.shuffled_batches(self._batch_size, order)


class _ForKeras:
    """A built-in data set as arrays, laid out as a Keras model takes them."""

    def __init__(self, name: str, batches: _BuiltIn, shape: tuple[int, ...] | None) -> None:
        self._name = name
        self._batches = batches
        self._shape = shape

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for inputs, targets in self._batches:
            yield laid_out(inputs.numpy(), self._shape, self._name), targets.numpy()


def laid_out(rows: np.ndarray, shape: tuple[int, ...] | None, name: str) -> np.ndarray:
    """Images (N, C, H, W) with channels last or first, without an axis for one channel, or flat.

    Args:
        rows: The inputs of a batch.
        shape: Of one input, as the model takes it; channels come last where it is not known.
        name: Of the data set, for the message.

    Raises:
        UsageError: The rows cannot be had in that shape.

    >>> laid_out(np.zeros((2, 3, 8, 6)), (8, 6, 3), "images").shape
    (2, 8, 6, 3)
    >>> laid_out(np.zeros((2, 1, 8, 8)), (64,), "images").shape
    (2, 64)
    """
    last = np.moveaxis(rows, 1, -1)
    if shape is None or last.shape[1:] == shape:
        return last
    if rows.shape[1:] == shape:
        return rows
    flat = shape == (last[0].size,)
    one_channel = last.shape[-1] == 1 and last.shape[1:-1] == shape
    if flat or one_channel:
        return last.reshape(len(rows), *shape)
    raise UsageError(f"{name} has rows of shape {last.shape[1:]}, and the model takes {shape}")
