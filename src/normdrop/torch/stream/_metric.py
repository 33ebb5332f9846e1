"""A user's metric over batches: a function of outputs and targets, or an object that collects."""

import copy
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, runtime_checkable

from torch import Tensor

from normdrop.errors import UsageError
from normdrop.torch.stream._batches import Batch

Function: TypeAlias = Callable[[Any, Any], Any]


@runtime_checkable
class Collector(Protocol):
    """What torchmetrics and others offer."""

    def update(self, outputs: Any, targets: Any, /) -> object:  # noqa: ANN401 - the user's own
        """Take one batch in."""

    def compute(self) -> Any:  # noqa: ANN401 - a number of some kind
        """The value over all batches."""


class MetricMean:
    """One value of a metric over many batches.

    A function's values are averaged with the number of examples as weight; an object with `update`
    and `compute` is copied and asked, so that the user's own stays as it was.

    Raises:
        UsageError: The metric is neither.
    """

    def __init__(self, metric: object) -> None:
        self._collector: Collector | None = None
        self._function: Function | None = None
        self.total = 0.0
        self.weight = 0
        if isinstance(metric, Collector) and not isinstance(metric, type):
            self._collector = copy.deepcopy(metric)
            if callable(reset := getattr(self._collector, "reset", None)):
                reset()
        elif callable(metric):
            self._function = metric
        else:
            raise UsageError(
                f"a metric is a function of outputs and targets, or an object with update and "
                f"compute, not {type(metric).__name__}"
            )

    def add(self, outputs: Any, batch: Batch) -> None:  # noqa: ANN401 - whatever the model returns
        """Take one batch in.

        Raises:
            UsageError: The metric raised, or its value is no number.
        """
        try:
            if self._collector is not None:
                self._collector.update(outputs, batch.targets)
            elif self._function is not None:
                self.total += batch.size * _number(self._function(outputs, batch.targets))
        except Exception as error:
            missing = " (the batches hold no targets)" if batch.targets is None else ""
            raise UsageError(
                f"the metric raised {type(error).__name__} in batch {batch.number + 1}{missing}: "
                f"{error}"
            ) from error
        self.weight += batch.size

    def value(self) -> float:
        """The metric over all batches taken in.

        Raises:
            UsageError: What the object computes is no number.
        """
        if self._collector is None:
            return self.total / self.weight
        try:
            return _number(self._collector.compute())
        except Exception as error:
            raise UsageError(f"the metric's compute gave no number: {error}") from error


def metric_name(metric: object) -> str:
    """What to call a metric in a table."""
    name = str(getattr(metric, "__name__", type(metric).__name__))
    return "metric" if name == "<lambda>" else name


def _number(value: Any) -> float:  # noqa: ANN401 - a user's
    return value.item() if isinstance(value, Tensor) else float(value)
