"""A user's metric over batches: a function of outputs and targets, or an object that collects."""

import copy
import inspect
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, runtime_checkable

from normdrop.errors import UsageError
from normdrop.shifts.stream._batches import Batch

Function: TypeAlias = Callable[..., Any]


@runtime_checkable
class Collector(Protocol):
    """What torchmetrics and others offer."""

    def update(self, outputs: Any, targets: Any, /) -> object:  # noqa: ANN401 - the user's own
        """Take one batch in."""

    def compute(self) -> Any:  # noqa: ANN401 - a number of some kind
        """The value over all batches."""


@runtime_checkable
class KerasMetric(Protocol):
    """What Keras' metrics offer; the targets come first."""

    def update_state(self, y_true: Any, y_pred: Any, /) -> object:  # noqa: ANN401 - the user's own
        """Take one batch in; there may be a `sample_weight`."""

    def result(self) -> Any:  # noqa: ANN401 - a number of some kind
        """The value over all batches."""


class MetricMean:
    """One value of a metric over many batches.

    A function's values are averaged with the number of examples as weight; it takes outputs and
    targets, or the targets first where its arguments are called `y_true` and `y_pred`. An object
    that collects is copied and asked, so that the user's own stays as it was.

    Raises:
        UsageError: The metric is neither, or an object that cannot be copied.
    """

    def __init__(self, metric: object) -> None:
        self._collector: Collector | KerasMetric | None = None
        self._function: Callable[[Any, Batch], Any] | None = None
        self.total = 0.0
        self.weight = 0
        if isinstance(metric, Collector | KerasMetric) and not isinstance(metric, type):
            self._collector = _emptied_copy(metric)
        elif callable(metric):
            self._function = _by_batch(metric)
        else:
            raise UsageError(
                "a metric is a function of outputs and targets, or an object with update and "
                f"compute or with update_state and result, not {type(metric).__name__}"
            )

    def add(self, outputs: Any, batch: Batch) -> None:  # noqa: ANN401 - whatever the model returns
        """Take one batch in.

        Raises:
            UsageError: The metric raised, or its value is no number.
        """
        try:
            if isinstance(self._collector, Collector):
                self._collector.update(outputs, batch.targets)
            elif self._collector is not None:
                weights = {} if batch.weights is None else {"sample_weight": batch.weights}
                self._collector.update_state(batch.targets, outputs, **weights)
            elif self._function is not None:
                self.total += batch.size * _number(self._function(outputs, batch))
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
        collector = self._collector
        compute = collector.compute if isinstance(collector, Collector) else collector.result
        try:
            return _number(compute())
        except Exception as error:
            raise UsageError(f"the metric's {compute.__name__} gave no number: {error}") from error


def _by_batch(function: Function) -> Callable[[Any, Batch], Any]:
    """A user's function, given a batch, with its arguments in the order in which it takes them.

    Functions that call their first arguments `y_true` and `y_pred` get the targets first: Keras'
    losses, objects and functions, and scikit-learn's metrics do. In the wrong order most of them
    give a number all the same, so nothing else would tell.
    """
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # of one in C that does not tell
        names = []
    if names[:2] != ["y_true", "y_pred"]:
        return lambda outputs, batch: function(outputs, batch.targets)

    def called(outputs: Any, batch: Batch) -> Any:  # noqa: ANN401 - whatever they are
        given = batch.weights is not None and "sample_weight" in names
        weights = {"sample_weight": batch.weights} if given else {}
        return function(batch.targets, outputs, **weights)

    return called


def metric_name(metric: object) -> str:
    """What to call a metric in a table."""
    name = str(getattr(metric, "__name__", type(metric).__name__))
    return "metric" if name == "<lambda>" else name


def _emptied_copy(metric: Collector | KerasMetric) -> Collector | KerasMetric:
    try:
        copied = copy.deepcopy(metric)
    except Exception as error:
        raise UsageError(
            f"the metric {type(metric).__name__} cannot be copied ({error}): pass a function of "
            "outputs and targets"
        ) from error
    reset = "reset" if isinstance(metric, Collector) else "reset_state"
    if callable(empty := getattr(copied, reset, None)):
        empty()
    return copied


def _number(value: Any) -> float:  # noqa: ANN401 - a user's
    return float(value.item() if hasattr(value, "item") else value)
