"""DATA on the command line: batches of a built-in data set, or of a callable."""

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from normdrop.cli._arrays import (
    IMAGE,
    Rows,
    Split,
    batches,
    from_folder,
    from_npz,
    from_pair,
    is_pair,
    scale,
)
from normdrop.cli._factory import find_callable
from normdrop.errors import UsageError
from normdrop.values.example import Input
from normdrop.verbs import declared_example, is_keras

DATA_HELP = "A data set's name, a .npz file, a folder of images, or a callable."
"""What `--data` takes, for help."""
_SEED = 0
"""Of the order of a built-in data set's rows: the same in every pass and every run."""


def resolve(
    data: str,
    model: object,
    *,
    split: Split = "train",
    batch_size: int = 128,
    normalize: str | None = None,
) -> Iterable[object]:
    """Batches of `(inputs, targets)` of a data set, of a user's arrays, or of a callable.

    Rows of a built-in data set, of a `.npz` file, of a folder of images and of a pair `(X, y)` come
    in a fixed shuffled order, images as numbers in [0, 1], as `normdrop compare` trains with; for a
    Keras model as arrays of the shape of its inputs, by default with channels where Keras has them.
    A callable is called without arguments at the start of every pass; it returns `(X, y)`, or
    batches, which are iterated over as they are.

    Args:
        data: `digits`, `mnist` and so on; a `.npz` file; a folder with a folder of images for each
            class; or `package.module:callable` or `file.py:callable`.
        model: The model they are for.
        split: Which rows, where the data know a split.
        batch_size: Rows per batch, where the data do not come in batches.
        normalize: Means and deviations by which inputs are moved and scaled; see `scale`.

    Raises:
        DataError: The data set is unknown, or its files are missing or damaged.
        UsageError: The callable cannot be found or imported; arrays cannot be read; or the rows do
            not have the shape that the model takes.
    """
    keras = is_keras(model)
    scaled = _scaler(normalize, channels_last=keras)
    shape = _shape(model) if keras else None
    found: Iterable[object]
    path = Path(data)
    if ":" in data and not path.exists():
        found = _Called(data, find_callable(data), batch_size, shape, keras=keras)
        if scaled is not None:
            return _Scaled(found, scaled)
    elif path.suffix == ".npz":
        found = _ArrayBatches(from_npz(path, split), batch_size, shape, keras=keras)
    elif path.is_dir() and not _is_built_in(data):
        found = _ArrayBatches(from_folder(path, split), batch_size, shape, keras=keras)
    else:
        built_in = _BuiltIn(data, split, batch_size)
        found = _ForKeras(data, built_in, shape) if keras else built_in
    return found if scaled is None else _Scaled(found, scaled)


def _is_built_in(data: str) -> bool:
    from normdrop.lab.data import names

    return data in names()


Scaler: TypeAlias = Callable[[Any], Any]


def _scaler(normalize: str | None, *, channels_last: bool) -> Scaler | None:
    """What moves and scales inputs, channel by channel."""
    if normalize is None:
        return None
    mean, deviation = scale(normalize)

    def scaled(inputs: Any) -> Any:  # noqa: ANN401 - an array or a tensor
        axis = inputs.ndim - 1 if channels_last else 1
        if len(mean) not in {1, inputs.shape[axis]}:
            raise UsageError(
                f"--normalize {normalize} has {len(mean)} numbers, and the inputs have "
                f"{inputs.shape[axis]} channels"
            )
        one = [1] * inputs.ndim
        one[axis] = len(mean)
        like = [np.asarray(each, dtype=np.float32).reshape(one) for each in (mean, deviation)]
        if hasattr(inputs, "new_tensor"):
            like = [inputs.new_tensor(each) for each in like]
        return (inputs - like[0]) / like[1]

    return scaled


class _Scaled:
    """The same batches, their inputs moved and scaled."""

    def __init__(self, source: Iterable[object], scaled: Scaler) -> None:
        self._source = source
        self._scaled = scaled

    def __len__(self) -> int:
        return len(self._source)  # type: ignore[arg-type] # all but callables know

    def __iter__(self) -> Iterator[object]:
        for batch in self._source:
            if isinstance(batch, tuple):
                inputs, *rest = batch
                yield (self._scaled(inputs), *rest)
            elif hasattr(batch, "ndim"):
                yield self._scaled(batch)
            else:
                raise UsageError(
                    f"--normalize is for inputs that are one array; these are "
                    f"{type(batch).__name__}: scale them in the callable"
                )


class _ArrayBatches:
    """Rows of arrays in batches, for torch or for Keras."""

    def __init__(
        self, rows: Rows, batch_size: int, shape: tuple[int, ...] | None, *, keras: bool
    ) -> None:
        self._rows = rows
        self._batch_size = batch_size
        self._shape = shape
        self._keras = keras

    def __len__(self) -> int:
        return math.ceil(self._rows.count / self._batch_size)

    def __iter__(self) -> Iterator[object]:
        for inputs, targets in batches(self._rows, self._batch_size):
            yield (
                self._given(inputs)
                if targets is None
                else (
                    self._given(inputs),
                    self._targets(targets),
                )
            )

    def _given(self, inputs: NDArray[Any]) -> Any:  # noqa: ANN401 - the framework's
        if self._keras:
            images = inputs.ndim == IMAGE and inputs.shape[1:] != self._shape
            return laid_out(inputs, self._shape, self._rows.name) if images else inputs
        return self._targets(inputs)

    def _targets(self, values: NDArray[Any]) -> Any:  # noqa: ANN401 - same
        if self._keras:
            return values
        from torch import from_numpy

        return from_numpy(np.ascontiguousarray(values))


def _shape(model: object) -> tuple[int, ...] | None:
    """What a model's one input says of its shape; None where it says nothing."""
    declared = declared_example(model)
    return declared.shape if isinstance(declared, Input) else None


class _Called:
    """What a callable yields, anew in every pass: batches, or those of the `(X, y)` it returns."""

    def __init__(
        self,
        name: str,
        function: Callable[..., object],
        batch_size: int,
        shape: tuple[int, ...] | None,
        *,
        keras: bool,
    ) -> None:
        self._name = name
        self._function = function
        self._batch_size = batch_size
        self._shape = shape
        self._keras = keras

    def __iter__(self) -> Iterator[object]:
        made = self._function()
        if not isinstance(made, Iterable):
            raise UsageError(
                f"{self._name} gave a {type(made).__name__}: return or yield batches from it"
            )
        if isinstance(made, tuple) and is_pair(made):
            rows = from_pair(self._name, made)
            return iter(_ArrayBatches(rows, self._batch_size, self._shape, keras=self._keras))
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
