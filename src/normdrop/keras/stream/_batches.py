"""Batches as Keras has them: arrays and tensors of any framework, pairs, triples, dicts."""

import inspect
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from normdrop.errors import UsageError
from normdrop.shifts.stream import (
    Arguments,
    Batch,
    Batches,
    Progress,
    inputs_by_name,
    size_of,
    too_many,
)

_PAIR, _TRIPLE = 2, 3
_MODES = {"training", "mask"}


def reading(
    batches: object,
    model: keras.Model,
    *,
    limit: int | None = None,
    device: object = None,
    progress: Progress | None = None,
) -> Batches:
    """Batches for a model.

    A batch is an array or tensor; a list or tuple of as many as the model takes; a dict of named
    inputs (names the model does not take are left to the metric); or `(inputs, targets)` or
    `(inputs, targets, sample_weight)` with any of these as inputs.

    Raises:
        UsageError: No iterable of batches, an endless one without a limit, a limit below 1, or a
            device.
    """
    if device is not None:
        raise UsageError("Keras puts batches on its own device: use keras.device instead of device")
    if limit is None and _never_ends(batches):
        raise UsageError("the batches never end: say how many to read with limit")
    if isinstance(batches, keras.utils.PyDataset) and not isinstance(batches, Iterable):
        batches = _InOrder(batches)
    return Batches(batches, Reader(model), limit=limit, progress=progress)


class _InOrder:
    """A `PyDataset` that can be iterated over, which that of Keras 3.10 is not by itself."""

    def __init__(self, batches: keras.utils.PyDataset) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[Any]:
        number = self._batches.num_batches
        return map(self._batches.__getitem__, range(number) if number else itertools.count())


class Reader:
    """Tells the model's arguments from what is left to the metric."""

    def __init__(self, model: keras.Model) -> None:
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = [
            parameter
            for name, parameter in inspect.signature(model.call).parameters.items()
            if name not in _MODES and parameter.kind in positional
        ]
        required = sum(parameter.default is parameter.empty for parameter in parameters)
        self._names, self._by_name = _inputs(model)
        self._parameters = {parameter.name for parameter in parameters}
        # A Functional model takes its inputs as one argument.
        self._one_argument = required <= 1
        self._required = max(required, len(self._names or ()), 1)

    def __call__(self, number: int, item: Any) -> Batch:  # noqa: ANN401 - a user's batch
        inputs, targets, weights = self._split(number, _tensors(item))
        arguments = self._arguments(number, inputs)
        leaves = keras.tree.flatten(arguments)
        extents = (int(x.shape[0]) for x in leaves if ops.is_tensor(x) and len(x.shape))
        return Batch(number, arguments, targets, size_of(number, item, extents), weights)

    def _split(self, number: int, item: Any) -> tuple[Any, Any, Any]:  # noqa: ANN401 - a user's batch
        if not isinstance(item, tuple | list):
            return item, item if isinstance(item, Mapping) else None, None
        nested = isinstance(item[0], tuple | list | Mapping) if item else False
        if len(item) == 1:
            return item[0], None, None
        if len(item) == self._required and not nested:
            return (item[0] if self._required == 1 else tuple(item)), None, None
        if len(item) == _PAIR:
            return item[0], item[1], None
        if len(item) == self._required + 1 and not nested and self._required > 1:
            return tuple(item[:-1]), item[-1], None
        if len(item) == _TRIPLE:
            return item[0], item[1], item[2]
        raise too_many(number, item)

    def _arguments(self, number: int, inputs: Any) -> Arguments:  # noqa: ANN401 - a user's batch
        if isinstance(inputs, Mapping):
            if self._names is not None:
                given = inputs_by_name(number, inputs, set(self._names))
                ordered = [given[name] for name in self._names if name in given]
                one = ordered[0] if len(ordered) == 1 else ordered
                return (given if self._by_name else one,), {}
            if self._parameters & inputs.keys():
                return (), inputs_by_name(number, inputs, self._parameters)
            return (dict(inputs),), {}
        if isinstance(inputs, tuple | list) and not self._one_argument:
            return tuple(inputs), {}
        return (list(inputs) if isinstance(inputs, tuple) else inputs,), {}


def _inputs(model: keras.Model) -> tuple[list[str] | None, bool]:
    """The names a model's inputs go by, in order, and whether it takes them by name.

    There are none for a subclassed model, which takes what its own `call` takes.
    """
    if isinstance(model, keras.Sequential):
        return [each.name for each in model.inputs], False
    if not hasattr(model, "operations"):
        return None, False
    if isinstance(model.input, Mapping):
        return [str(key) for key in model.input], True
    return [each.name for each in model.inputs], False


def _tensors(item: Any) -> Any:  # noqa: ANN401 - a user's batch
    """The batch with its arrays as the backend's tensors; what is no number stays."""
    if isinstance(item, Mapping):
        return {key: _tensors(value) for key, value in item.items()}
    if isinstance(item, tuple | list):
        return tuple(map(_tensors, item))
    if not hasattr(item, "shape") or not hasattr(item, "dtype"):
        return item
    if not ops.is_tensor(item) and not isinstance(item, np.ndarray):
        # Another framework's: a torch tensor may need a gradient or be on a GPU.
        item = np.asarray(item.detach().cpu() if hasattr(item, "detach") else item)
    return item if getattr(item.dtype, "kind", "f") in "OSU" else ops.convert_to_tensor(item)


def _never_ends(batches: object) -> bool:
    """Whether batches say of themselves that they are infinite."""
    if isinstance(batches, keras.utils.PyDataset):
        return batches.num_batches is None
    cardinality = getattr(batches, "cardinality", None)
    return callable(cardinality) and int(cardinality()) == _INFINITE


_INFINITE = -1
"""`tf.data.INFINITE_CARDINALITY`."""
