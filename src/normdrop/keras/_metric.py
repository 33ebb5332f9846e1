"""Metrics as Keras has them: by the names of a compiled model, and functions of each example."""

import copy
import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, Self

import keras
from keras import ops

from normdrop.errors import UsageError

_TARGETS_FIRST = ["y_true", "y_pred"]


def metric_of(model: keras.Model, metric: object) -> object:
    """What the verbs take as a metric, by what a user of Keras has.

    Args:
        model: The model.
        metric: `"loss"` or the name of a metric that the model is compiled with, as
            `model.evaluate(return_dict=True)` has them; or a function of targets and outputs that
            gives a value per example, as those of `keras.losses` do. Anything else stays.

    Raises:
        UsageError: The model is not compiled, or not with such a metric.
    """
    if isinstance(metric, str):
        return _loss(model) if metric == "loss" else CompiledMetric(model, metric)
    if inspect.isfunction(metric) and [*inspect.signature(metric).parameters][:2] == _TARGETS_FIRST:
        return _mean_of(metric)
    return metric


def _mean_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, averaged over what it gives for each example."""

    @wraps(function)  # its arguments are told by their names
    def mean(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever it takes
        value = function(*args, **kwargs)
        return ops.mean(value) if len(getattr(value, "shape", ())) else value

    return mean


def _loss(model: keras.Model) -> Callable[..., Any]:
    """The compiled loss, with the penalties of regularizers, as `model.evaluate` gives it."""
    compiled = model._compile_loss if model.compiled else None  # noqa: SLF001 - Keras has no public door
    if compiled is None:
        raise UsageError(f"{model.name} is not compiled with a loss: pass a function as metric")
    # It keeps a mean for each output, and is no object that can be copied.
    own = type(compiled)(
        compiled._user_loss,  # noqa: SLF001 - as above
        compiled._user_loss_weights,  # noqa: SLF001 - as above
        output_names=compiled.output_names,
    )

    def loss(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:  # noqa: ANN401 - tensors
        return sum(map(ops.mean, model.losses), own(y_true, y_pred, sample_weight))

    return loss


def _emptied(metric: Any) -> Any:  # noqa: ANN401 - a name, a function or an object
    if not isinstance(metric, keras.Metric):
        return metric
    copied = copy.deepcopy(metric)
    copied.reset_state()
    return copied


class CompiledMetric:
    """One of the metrics that a model is compiled with; it keeps its state to itself.

    Raises:
        UsageError: The model is not compiled with metrics.
    """

    def __init__(self, model: keras.Model, name: str) -> None:
        self._model = model
        self.__name__ = name
        compiled = model._compile_metrics if model.compiled else None  # noqa: SLF001 - as above
        if compiled is None:
            raise UsageError(
                f"{model.name} is not compiled with metrics, so that there is no {name!r}"
            )
        given = (compiled._user_metrics, compiled._user_weighted_metrics)  # noqa: SLF001 - as above
        own = keras.tree.map_structure(_emptied, given)
        self._own = type(compiled)(*own, output_names=compiled.output_names)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Another that has seen nothing; the model stays the same."""
        del memo
        return type(self)(self._model, self.__name__)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # noqa: ANN401 - tensors
        """Take one batch in."""
        self._own.update_state(y_true, y_pred, sample_weight)

    def result(self) -> Any:  # noqa: ANN401 - a tensor
        """The value over all batches.

        Raises:
            UsageError: There is no metric of that name.
        """
        found = self._own.result()
        if self.__name__ not in found:
            raise UsageError(f"it is compiled with loss, {', '.join(found)}, not {self.__name__!r}")
        return found[self.__name__]
