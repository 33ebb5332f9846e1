"""Batches as a user has them: a loader, a list, a generator."""

import copy
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from normdrop.errors import UsageError

Arguments: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]
"""Positional and keyword arguments of one call of the model."""
Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the batches done and, where it is known, how many there are."""


@dataclass(frozen=True)
class Batch:
    """One batch, on its device.

    Attributes:
        number: Its place, from 0.
        arguments: What the model is called with.
        targets: What a metric compares the outputs with; for a batch that is a dict the dict
            itself, and `None` where there are no targets.
        size: Examples in it: the extent of the first tensor's first axis.
        weights: What a metric weighs the examples by, where batches bring it.
    """

    number: int
    arguments: Arguments
    targets: Any
    size: int
    weights: Any = None


Reader: TypeAlias = Callable[[int, Any], Batch]
"""Tells the model's arguments from what is left to the metric, given the number and the item."""


class Batches:
    """Reads batches once or, where it can, again and again.

    Attributes:
        may_be_empty: Whether a pass without any batch will do: elsewhere there may be some.
        count: How many were read in the last pass.
        examples: How many examples they held.
    """

    def __init__(
        self,
        batches: object,
        reader: Reader,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        """See `normdrop.measure`.

        Raises:
            UsageError: No iterable of batches, an endless one without a limit, or a limit below 1.
        """
        self._source = _iterable(batches, limit)
        self._reader = reader
        self._limit = limit
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
            batch = self._reader(self.count, item)
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


def too_many(number: int, item: tuple[object, ...] | list[object]) -> UsageError:
    """What to say of a batch with more members than a model and a metric take."""
    return UsageError(
        f"batch {number + 1} is a {type(item).__name__} of {len(item)}: give inputs, or a pair "
        "(inputs, targets) with a tuple or dict of inputs where the model takes several"
    )


def size_of(number: int, item: object, sizes: Iterator[int]) -> int:
    """How many examples a batch holds, given the first extent of each of its tensors.

    Raises:
        UsageError: It has no tensor, or one without any example.
    """
    size = next(sizes, None)
    if size is None:
        raise UsageError(
            f"batch {number + 1} holds no tensor for the model: of type {type(item).__name__}"
        )
    if not size:
        raise UsageError(f"batch {number + 1} is empty: its first axis has no extent")
    return size


def inputs_by_name(
    number: int, inputs: Mapping[Any, Any], names: set[str] | None
) -> dict[str, Any]:
    """The named inputs that a model takes; all where it takes any name (`None`).

    Raises:
        UsageError: It takes none of them.
    """
    given = {str(key): value for key, value in inputs.items()}
    taken = {key: value for key, value in given.items() if names is None or key in names}
    if not taken:
        raise UsageError(
            f"batch {number + 1} has {', '.join(given) or 'nothing'}, and the model takes "
            f"{', '.join(sorted(names or ())) or 'nothing'}: name the inputs alike"
        )
    return taken


def _iterable(batches: object, limit: int | None) -> Iterable[object]:
    if limit is not None and limit < 1:
        raise UsageError(f"limit={limit}: read at least one batch, or give no limit")
    if hasattr(batches, "shape") and hasattr(batches, "dtype"):
        raise UsageError(
            f"batches is one {type(batches).__name__}: for a single batch pass [batch]"
        )
    if isinstance(batches, str | bytes | Mapping) or not isinstance(batches, Iterable):
        raise UsageError(
            f"batches is of type {type(batches).__name__}: pass an iterable of batches, such as a "
            "DataLoader or a list of tensors"
        )
    if limit is None and isinstance(batches, itertools.cycle | itertools.count | itertools.repeat):
        raise UsageError("the batches never end: say how many to read with limit")
    return batches
