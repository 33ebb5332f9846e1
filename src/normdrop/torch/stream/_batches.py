"""Batches as torch has them: tensors and arrays, pairs, dicts; put where the model is."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from normdrop.shifts.stream import (
    Arguments,
    Batch,
    Batches,
    Progress,
    inputs_by_name,
    size_of,
    too_many,
)
from normdrop.torch.watch import device_of

_PAIR = 2


def reading(
    batches: object,
    model: nn.Module,
    *,
    limit: int | None = None,
    device: object = None,
    progress: Progress | None = None,
) -> Batches:
    """Batches for a model.

    A batch is a tensor or array; a tuple of as many as the model has required arguments; a dict of
    named arguments (names the model does not take are left to the metric); or `(inputs, targets)`
    with any of these as inputs.

    Raises:
        UsageError: No iterable of batches, an endless one without a limit, or a limit below 1.
    """
    where = device_of(model) if device is None else torch.device(device)  # type: ignore[call-overload] # torch says what is none
    return Batches(batches, _Reader(model, where), limit=limit, progress=progress)


class _Reader:
    """Tells the model's arguments from what is left to the metric."""

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        parameters = list(inspect.signature(model.forward).parameters.values())
        kinds = [parameter.kind for parameter in parameters]
        any_name = inspect.Parameter.VAR_KEYWORD in kinds
        self._names = None if any_name else {parameter.name for parameter in parameters}
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self._required = sum(
            parameter.kind in positional and parameter.default is parameter.empty
            for parameter in parameters
        )
        self._device = device

    def __call__(self, number: int, item: Any) -> Batch:  # noqa: ANN401 - a user's batch
        inputs, targets = self._split(number, self._placed(item))
        if isinstance(inputs, Tensor) and inputs.ndim and len(inputs):
            return Batch(number, ((inputs,), {}), targets, len(inputs))
        arguments = self._arguments(number, inputs)
        return Batch(number, arguments, targets, size_of(number, item, _extents(arguments)))

    def _placed(self, item: Any) -> Any:  # noqa: ANN401 - a user's batch
        """The batch on its device, its arrays as tensors."""
        if isinstance(item, Tensor):
            return item if item.device == self._device else item.to(self._device, non_blocking=True)
        if isinstance(item, np.ndarray):
            return self._placed(torch.from_numpy(item))
        if isinstance(item, Mapping):
            return {key: self._placed(value) for key, value in item.items()}
        if isinstance(item, tuple | list):
            return tuple(map(self._placed, item))
        return item

    def _split(self, number: int, item: Any) -> tuple[Any, Any]:  # noqa: ANN401 - a user's batch
        if not isinstance(item, tuple | list):
            return item, item if isinstance(item, Mapping) else None
        if len(item) == 1 or (len(item) == self._required and not _nested(item)):
            return tuple(item), None
        if len(item) == _PAIR:
            return item[0], item[1]
        if len(item) == self._required + 1:
            return tuple(item[:-1]), item[-1]
        raise too_many(number, item)

    def _arguments(self, number: int, inputs: Any) -> Arguments:  # noqa: ANN401 - a user's batch
        if isinstance(inputs, Mapping):
            return (), inputs_by_name(number, inputs, self._names)
        if isinstance(inputs, tuple | list):
            return tuple(inputs), {}
        return (inputs,), {}


def _nested(item: tuple[Any, ...] | list[Any]) -> bool:
    """Whether the first item holds the inputs by itself, as in `((a, b), targets)`."""
    return isinstance(item[0], tuple | list | Mapping)


def _extents(arguments: Arguments) -> Iterator[int]:
    args, kwargs = arguments
    leaves = (*args, *kwargs.values())
    return (len(leaf) for leaf in leaves if isinstance(leaf, Tensor) and leaf.ndim)
