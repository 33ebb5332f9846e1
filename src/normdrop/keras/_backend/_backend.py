"""Picking the backend that runs."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import keras


class Backend(Protocol):
    """What is asked of a backend."""

    def random_state_kept(self) -> AbstractContextManager[None]:
        """Put the backend's own random state back on leaving, where it has any."""

    def seed(self, number: int) -> None:
        """Seed the backend's own random state, where a Keras layer draws from it."""

    def without_gradients(self) -> AbstractContextManager[None]:
        """Nothing inside is recorded for a backward pass."""

    def weights_fixed(self, variables: Sequence[Any]) -> AbstractContextManager[None]:
        """Backward passes inside keep nothing for these variables."""

    def gradients(self, function: Callable[[list[Any]], Any], inputs: list[Any]) -> list[Any]:
        """Of a scalar with respect to tensors; 0 where it does not depend on one.

        Raises:
            UsageError: The backend has no gradients.
        """


def backend() -> Backend:
    """The backend that Keras runs on."""
    name = keras.backend.backend()
    if name == "torch":
        from normdrop.keras._backend._torch import Torch

        return Torch()
    if name == "tensorflow":
        from normdrop.keras._backend._tensorflow import TensorFlow

        return TensorFlow()
    if name == "jax":
        from normdrop.keras._backend._jax import Jax

        return Jax()
    from normdrop.keras._backend._plain import Plain

    return Plain()
