"""A metric gets outputs and targets in the order in which it takes them."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from sklearn import metrics

from normdrop.errors import UsageError
from normdrop.shifts.stream import Batch, MetricMean

_TARGETS = np.array([1.0, 0.0, 2.0, 1.0])
_OUTPUTS = np.array([3.0, 1.0, 1.0, 2.0])


def _excess(outputs: np.ndarray, targets: np.ndarray) -> float:
    return float((outputs - targets).mean())


def _excess_of_keras(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    return float((y_pred - y_true).mean())


def _excess_turned(y_pred: np.ndarray, y_true: np.ndarray) -> float:
    return float((y_pred - y_true).mean())


class _Loss:
    """A loss object as Keras has them."""

    def __call__(
        self, y_true: np.ndarray, y_pred: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> float:
        weights = 1.0 if sample_weight is None else sample_weight
        return float((weights * (y_pred - y_true)).mean())


class _Methods:
    """Metrics that are methods."""

    def excess(self, outputs: np.ndarray, targets: np.ndarray) -> float:
        return float((outputs - targets).mean())

    def of_keras(self, y_true: np.ndarray, y_pred: np.ndarray) -> float:
        return float((y_pred - y_true).mean())


def _scaled(y_true: np.ndarray, y_pred: np.ndarray, *, by: float) -> float:
    return by * float((y_pred - y_true).mean())


@pytest.mark.parametrize(
    "metric",
    [
        _excess,
        _excess_of_keras,
        _excess_turned,
        _Loss(),
        _Methods().excess,
        _Methods().of_keras,
        partial(_scaled, by=1.0),
        lambda y_true, y_pred: float((y_pred - y_true).mean()),
        lambda outputs, targets: float((outputs - targets).mean()),
        lambda *both: float((both[0] - both[1]).mean()),
    ],
)
def test_targets_come_where_a_metric_takes_them(
    metric: Callable[[np.ndarray, np.ndarray], float],
) -> None:
    """Functions, objects, methods and partial functions, of either order."""
    assert _mean(metric) == pytest.approx(0.75)


def test_a_metric_of_scikit_learn_gets_the_targets_first() -> None:
    """The coefficient of determination is another one in the other order."""
    expected = metrics.r2_score(_TARGETS, _OUTPUTS)
    assert expected != metrics.r2_score(_OUTPUTS, _TARGETS)
    assert _mean(metrics.r2_score) == pytest.approx(expected)


def test_a_function_that_does_not_tell_its_arguments() -> None:
    """One written in C gets outputs and targets; what is no number is refused."""
    assert _mean(np.vdot) == np.vdot(_OUTPUTS, _TARGETS)
    with pytest.raises(UsageError, match="the metric raised"):
        _mean(np.subtract)


def test_weights_reach_what_takes_them() -> None:
    """A loss object weighs the examples; a function without such an argument gets none."""
    weights = np.array([1.0, 0.0, 0.0, 3.0])
    assert _mean(_Loss(), weights) == pytest.approx(1.25)
    assert _mean(_excess_of_keras, weights) == pytest.approx(0.75)
    assert _mean(_excess, weights) == pytest.approx(0.75)


def _mean(metric: object, weights: np.ndarray | None = None) -> float:
    mean = MetricMean(metric)
    mean.add(_OUTPUTS, Batch(0, ((), {}), _TARGETS, len(_TARGETS), weights))
    return mean.value()
