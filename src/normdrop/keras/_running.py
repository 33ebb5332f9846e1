"""The moving statistics of a model: read, written in place, put back; and how old they are."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from normdrop.keras.capture import paths_of
from normdrop.shifts import expected
from normdrop.shifts.stream import Stored

Norms = dict[str, keras.layers.BatchNormalization]
"""Path of every norm layer with moving statistics to the layer."""


class RunningStatistics:
    """What the norm layers of a model go by in evaluation; see `normdrop.verbs`."""

    def __init__(self, model: keras.Model) -> None:
        self._norms = norms_of(model)

    @property
    def stored(self) -> dict[str, Stored]:
        """A copy of what every layer has stored."""
        return {
            path: Stored(*(_copy(each).astype(np.float64) for each in _pair(layer)))
            for path, layer in self._norms.items()
        }

    @property
    def frozen(self) -> frozenset[str]:
        """Layers that are not trainable, or of momentum 1."""
        return frozenset(path for path, layer in self._norms.items() if is_still(layer))

    def write(self, statistics: Mapping[str, Stored]) -> None:
        """Set moving statistics in place."""
        for path, new in statistics.items():
            layer = self._norms[path]
            layer.moving_mean.assign(new.mean)
            layer.moving_variance.assign(new.variance)
            if _renormalises(layer):  # its deviations are what it goes on learning from
                layer.moving_stddev.assign(np.sqrt(new.variance + layer.epsilon))

    def count(self, batches: Mapping[str, int]) -> None:
        """Keras' layers count no batches."""

    def snapshot(self) -> Callable[[], None]:
        """What puts the statistics of all layers back."""
        layers = self._norms.values()
        values = [(variable, _copy(variable)) for layer in layers for variable in _variables(layer)]

        def put_back() -> None:
            for variable, value in values:
                variable.assign(value)

        return put_back


def norms_of(model: keras.Model) -> Norms:
    """The norm layers of a model, at any depth.

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization(name="bn")])
    >>> list(norms_of(model))
    ['bn']
    """
    paths = paths_of(model)
    return {
        paths[id(layer)]: layer
        for layer in model._flatten_layers()  # noqa: SLF001 - Keras has no public walk of all layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }


def is_still(layer: keras.layers.BatchNormalization) -> bool:
    """Whether a layer does not learn statistics in training: not trainable, or of momentum 1."""
    return not layer.trainable or layer.momentum == 1.0


def has_learned_statistics(model: keras.Model) -> bool:
    """Whether any moving variance differs from that of a new layer.

    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization()])
    >>> has_learned_statistics(model)
    False
    """
    return any(
        bool((_variances(norm) != 1).any()) for norm in norms_of(model).values() if norm.built
    )


def initial_share(model: keras.Model) -> float:
    """How much initial values still weigh in the moving statistics; the median over layers.

    Keras counts batches in the optimizer of a compiled model; without one nothing is known.
    """
    iterations = _iterations(model)
    norms = [norm for norm in norms_of(model).values() if norm.trainable]
    if not iterations or not norms:
        return 0.0
    shares = [
        expected.initial_share_left(float(norm.momentum), iterations, _variances(norm))
        for norm in norms
    ]
    return float(np.median(shares))


def memory(model: keras.Model) -> dict[str, float]:
    """Norm layer path to the variance of its running average over that of one batch.

    That is (1 - m) / (1 + m) at Keras' momentum m, which a new batch counts 1 - m against.
    """
    return {
        path: (1 - layer.momentum) / (1 + layer.momentum) for path, layer in norms_of(model).items()
    }


def _iterations(model: keras.Model) -> int:
    optimizer: Any = getattr(model, "optimizer", None)
    if optimizer is None:
        return 0
    return int(ops.convert_to_numpy(optimizer.iterations))


def _variances(norm: keras.layers.BatchNormalization) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(norm.moving_variance))


def _pair(layer: keras.layers.BatchNormalization) -> tuple[Any, Any]:
    return layer.moving_mean, layer.moving_variance


def _variables(layer: keras.layers.BatchNormalization) -> list[Any]:
    return [*_pair(layer), *([layer.moving_stddev] if _renormalises(layer) else [])]


def _renormalises(layer: keras.layers.BatchNormalization) -> bool:
    return bool(getattr(layer, "renorm", False))  # since Keras 3.12


def _copy(variable: Any) -> np.ndarray:  # noqa: ANN401 - a variable
    return np.array(ops.convert_to_numpy(variable))
