"""Adam with a rate that falls to 0, on a list of tensors."""

import math
from collections.abc import Callable
from typing import Any

from keras import ops

_DECAYS = (0.9, 0.999)
_EPSILON = 1e-8


def descend(
    gradients: Callable[[list[Any], int], list[Any]], start: list[Any], steps: int, rate: float
) -> list[Any]:
    """Tensors moved against their gradients by Adam (Kingma and Ba 2015, algorithm 1).

    Keras' optimizers move ε to another place and change variables, not tensors: where gradients
    are as small as those of inputs, they end elsewhere than torch's.

    Args:
        gradients: From the tensors and the number of the step to their gradients.
        start: Where the tensors begin.
        steps: How many.
        rate: Of the first step; it falls along half a cosine (Loshchilov and Hutter 2017).

    >>> (end,) = descend(lambda x, step: [2 * x[0]], [ops.ones(2)], steps=60, rate=0.1)
    >>> bool(ops.all(ops.abs(end) < 0.1))
    True
    """
    values = list(start)
    means = [ops.zeros_like(value) for value in values]
    squares = [ops.zeros_like(value) for value in values]
    first, second = _DECAYS
    for step in range(steps):
        found = gradients(values, step)
        means = [first * m + (1 - first) * g for m, g in zip(means, found, strict=True)]
        squares = [
            second * s + (1 - second) * ops.square(g) for s, g in zip(squares, found, strict=True)
        ]
        size = rate * (1 + math.cos(math.pi * step / steps)) / 2 / (1 - first ** (step + 1))
        shrink = math.sqrt(1 - second ** (step + 1))
        values = [
            value - size * mean / (ops.sqrt(square) / shrink + _EPSILON)
            for value, mean, square in zip(values, means, squares, strict=True)
        ]
    return values
