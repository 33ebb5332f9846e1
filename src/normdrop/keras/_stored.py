"""What a Keras model's norm layers have stored."""

from typing import Any

import keras
import numpy as np
from keras import ops

from normdrop.keras._switches import norms_of
from normdrop.shifts import expected


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
        expected.initial_share(float(norm.momentum), iterations, _variances(norm)) for norm in norms
    ]
    return float(np.median(shares))


def _iterations(model: keras.Model) -> int:
    optimizer: Any = getattr(model, "optimizer", None)
    if optimizer is None:
        return 0
    return int(ops.convert_to_numpy(optimizer.iterations))


def _variances(norm: keras.layers.BatchNormalization) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(norm.moving_variance))
