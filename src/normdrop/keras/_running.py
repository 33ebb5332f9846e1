"""The moving statistics of a model: read, written in place, put back."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from normdrop.keras._switches import Norms
from normdrop.shifts.stream import Stored


def stored(layer: keras.layers.BatchNormalization) -> Stored:
    """A copy of what a layer goes by, float64."""
    return Stored(*(_copy(each).astype(np.float64) for each in _pair(layer)))


def write(norms: Norms, statistics: Mapping[str, Stored]) -> None:
    """Set moving statistics in place."""
    for path, new in statistics.items():
        layer = norms[path]
        layer.moving_mean.assign(new.mean)
        layer.moving_variance.assign(new.variance)
        if _renormalises(layer):  # its deviations are what it goes on learning from
            layer.moving_stddev.assign(np.sqrt(new.variance + layer.epsilon))


def snapshot(layers: Iterable[keras.layers.BatchNormalization]) -> Callable[[], None]:
    """What puts the statistics of these layers back."""
    values = [(variable, _copy(variable)) for layer in layers for variable in _variables(layer)]

    def put_back() -> None:
        for variable, value in values:
            variable.assign(value)

    return put_back


def _pair(layer: keras.layers.BatchNormalization) -> tuple[Any, Any]:
    return layer.moving_mean, layer.moving_variance


def _variables(layer: keras.layers.BatchNormalization) -> list[Any]:
    return [*_pair(layer), *([layer.moving_stddev] if _renormalises(layer) else [])]


def _renormalises(layer: keras.layers.BatchNormalization) -> bool:
    return bool(getattr(layer, "renorm", False))  # since Keras 3.12


def _copy(variable: Any) -> np.ndarray:  # noqa: ANN401 - a variable
    return np.array(ops.convert_to_numpy(variable))
