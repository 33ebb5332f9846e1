"""Mean and variance per channel."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Array = TypeVar("Array")


@dataclass(frozen=True)
class Moments(Generic[Array]):
    """Mean and biased variance per channel, shape (channels,) each; tensors or numpy arrays."""

    mean: Array
    variance: Array
