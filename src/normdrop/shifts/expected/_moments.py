"""Mean and variance per channel, and averages of them over passes."""

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Generic, TypeVar

import numpy as np

Array = TypeVar("Array")


@dataclass(frozen=True)
class Moments(Generic[Array]):
    """Mean and biased variance per channel, shape (channels,) each; tensors or numpy arrays."""

    mean: Array
    variance: Array

    def numbers(self) -> "Moments[np.ndarray]":
        """The same in float64 numpy arrays."""
        return Moments(np.asarray(self.mean, np.float64), np.asarray(self.variance, np.float64))


AnyMoments = TypeVar("AnyMoments", bound=Moments[Any])


def average(values: Iterable[AnyMoments]) -> AnyMoments:
    """Plain averages of means and of variances, as running statistics average batches.

    >>> average([Moments(1.0, 2.0), Moments(3.0, 4.0)])
    Moments(mean=2.0, variance=3.0)
    """
    values = tuple(values)
    if len(values) == 1:
        return values[0]
    mean = reduce(operator.add, (value.mean for value in values)) / len(values)
    variance = reduce(operator.add, (value.variance for value in values)) / len(values)
    return type(values[0])(mean, variance)


def averages(passes: Iterable[Mapping[str, AnyMoments]]) -> dict[str, AnyMoments]:
    """Every layer's average over passes that all met the same layers."""
    passes = tuple(passes)
    return {path: average(one[path] for one in passes if path in one) for path in passes[0]}


def is_initial(stored: Moments[Any]) -> bool:
    """Whether running statistics are as a fresh layer has them: variance 1."""
    return bool((stored.variance == 1).all())
