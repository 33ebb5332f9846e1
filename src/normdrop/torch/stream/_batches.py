"""Batches as a user has them: a loader, a list, a generator; tensors, pairs or dicts."""

import copy
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from normdrop.errors import UsageError

Arguments: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]
"""Positional and keyword arguments of one call of the model."""
Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the batches done and, where it is known, how many there are."""

_PAIR = 2


@dataclass(frozen=True)
class Batch:
    """One batch, on its device.

    Attributes:
        number: Its place, from 0.
        arguments: What the model is called with.
        targets: What a metric compares the outputs with; for a batch that is a dict the dict
            itself, and `None` where there are no targets.
        size: Examples in it: the extent of the first tensor's first axis.
    """

    number: int
    arguments: Arguments
    targets: Any
    size: int


class Batches:
    """Reads batches once or, where it can, again and again.

    A batch is a tensor or array; a tuple of as many as the model has required arguments; a dict of
    named arguments (names the model does not take are left to the metric); or `(inputs, targets)`
    with any of these as inputs.

    Attributes:
        may_be_empty: Whether a pass without any batch will do: elsewhere there may be some.
        count: How many were read in the last pass.
        examples: How many examples they held.
    """

    def __init__(
        self,
        batches: object,
        model: nn.Module,
        *,
        limit: int | None = None,
        device: torch.device | str | None = None,
        progress: Progress | None = None,
    ) -> None:
        """See `normdrop.measure`.

        Raises:
            UsageError: No iterable of batches, an endless one without a limit, or a limit below 1.
        """
        self._source = _iterable(batches, limit)
        self._limit = limit
        self._reader = _Reader(model)
        self._device = _device(model) if device is None else torch.device(device)
        self._progress = progress
        self._passes = 0
        self.may_be_empty = False
        self.count = 0
        self.examples = 0

    @property
    def repeatable(self) -> bool:
        """Whether the batches can be read more than once."""
        return not isinstance(self._source, Iterator)

    def first(self) -> "Batches":
        """The first batch alone, read from the start."""
        alone = copy.copy(self)
        alone._limit, alone._progress = 1, None  # noqa: SLF001 - its own class
        return alone

    def need_repeatable(self, reason: str) -> None:
        """Refuse batches that can be read only once.

        Raises:
            UsageError: They are a generator or another iterator.
        """
        if not self.repeatable:
            raise UsageError(
                f"{reason} reads the batches several times, and a "
                f"{type(self._source).__name__} can be read only once: pass a list, a DataLoader "
                "or any object whose __iter__ starts anew"
            )

    def __iter__(self) -> Iterator[Batch]:
        """One pass.

        Raises:
            UsageError: There are no batches, one is nothing a model takes, or reading raised.
        """
        self.count = self.examples = 0
        total = self._total()
        for item in itertools.islice(self._read(), self._limit):
            batch = self._reader(self.count, self._placed(item))
            yield batch
            self.count += 1
            self.examples += batch.size
            if self._progress is not None:
                self._progress(self.count, total)
        self._passes += 1
        if not self.count and not self.may_be_empty:
            again = " any more: they can be read only once" if self._passes > 1 else ""
            raise UsageError(f"there are no batches{again}")

    def _read(self) -> Iterator[object]:
        done = 0
        try:
            for item in self._source:
                yield item
                done += 1
        except Exception as error:
            raise UsageError(
                f"reading the batches raised {type(error).__name__} after {done}: {error}"
            ) from error

    def _total(self) -> int | None:
        try:
            length = len(self._source)  # type: ignore[arg-type] # not every iterable has a length
        except TypeError:
            return self._limit
        return length if self._limit is None else min(length, self._limit)

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


class _Reader:
    """Tells the model's arguments from what is left to the metric."""

    def __init__(self, model: nn.Module) -> None:
        parameters = list(inspect.signature(model.forward).parameters.values())
        kinds = [parameter.kind for parameter in parameters]
        self._names = {parameter.name for parameter in parameters}
        self._any_name = inspect.Parameter.VAR_KEYWORD in kinds
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self._required = sum(
            parameter.kind in positional and parameter.default is parameter.empty
            for parameter in parameters
        )

    def __call__(self, number: int, item: Any) -> Batch:  # noqa: ANN401 - a user's batch
        inputs, targets = self._split(number, item)
        if isinstance(inputs, Tensor) and inputs.ndim and len(inputs):
            return Batch(number, ((inputs,), {}), targets, len(inputs))
        arguments = self._arguments(number, inputs)
        size = next((len(x) for x in _tensors(arguments) if x.ndim), None)
        if size is None:
            raise UsageError(f"batch {number + 1} holds no tensor for the model: {_kind(item)}")
        if not size:
            raise UsageError(f"batch {number + 1} is empty: its first axis has no extent")
        return Batch(number, arguments, targets, size)

    def _split(self, number: int, item: Any) -> tuple[Any, Any]:  # noqa: ANN401 - a user's batch
        if not isinstance(item, tuple | list):
            return item, item if isinstance(item, Mapping) else None
        if len(item) == 1 or (len(item) == self._required and not _nested(item)):
            return tuple(item), None
        if len(item) == _PAIR:
            return item[0], item[1]
        if len(item) == self._required + 1:
            return tuple(item[:-1]), item[-1]
        raise UsageError(
            f"batch {number + 1} is a {type(item).__name__} of {len(item)}: give inputs, or a pair "
            "(inputs, targets) with a tuple or dict of inputs where the model takes several"
        )

    def _arguments(self, number: int, inputs: Any) -> Arguments:  # noqa: ANN401 - a user's batch
        if isinstance(inputs, Mapping):
            given = {str(key): value for key, value in inputs.items()}
            taken = {k: v for k, v in given.items() if self._any_name or k in self._names}
            if not taken:
                raise UsageError(
                    f"batch {number + 1} has {', '.join(given) or 'nothing'}, and the model takes "
                    f"{', '.join(sorted(self._names)) or 'nothing'}: name the inputs alike"
                )
            return (), taken
        if isinstance(inputs, tuple | list):
            return tuple(inputs), {}
        return (inputs,), {}


def _nested(item: tuple[Any, ...] | list[Any]) -> bool:
    """Whether the first item holds the inputs by itself, as in `((a, b), targets)`."""
    return isinstance(item[0], tuple | list | Mapping)


def _tensors(arguments: Arguments) -> list[Tensor]:
    args, kwargs = arguments
    return [leaf for leaf in (*args, *kwargs.values()) if isinstance(leaf, Tensor)]


def _iterable(batches: object, limit: int | None) -> Iterable[object]:
    if limit is not None and limit < 1:
        raise UsageError(f"limit={limit}: read at least one batch, or give no limit")
    if isinstance(batches, Tensor | np.ndarray):
        raise UsageError(
            f"batches is one {type(batches).__name__}: for a single batch pass [batch]"
        )
    if isinstance(batches, str | bytes | Mapping) or not isinstance(batches, Iterable):
        raise UsageError(
            f"batches is {_kind(batches)}: pass an iterable of batches, such as a DataLoader or "
            "a list of tensors"
        )
    if limit is None and isinstance(batches, itertools.cycle | itertools.count | itertools.repeat):
        raise UsageError("the batches never end: say how many to read with limit")
    return batches


def _kind(value: object) -> str:
    return f"of type {type(value).__name__}"


def _device(model: nn.Module) -> torch.device:
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return torch.device("cpu")
