"""A backend without gradients, and without a random state of its own."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras

from normdrop.errors import UsageError


class Plain:
    """Records nothing and draws from Keras' seed generators alone."""

    def random_state_kept(self) -> AbstractContextManager[None]:
        """There is none."""
        return nullcontext()

    def seed(self, number: int) -> None:
        """There is nothing to seed."""

    def without_gradients(self) -> AbstractContextManager[None]:
        """Nothing is recorded anyway."""
        return nullcontext()

    def weights_fixed(self, variables: Sequence[Any]) -> AbstractContextManager[None]:
        """Gradients are taken with respect to inputs alone."""
        del variables
        return nullcontext()

    def gradients(self, function: Callable[[list[Any]], Any], inputs: list[Any]) -> list[Any]:
        """There are none."""
        del function, inputs
        raise UsageError(
            f"inversion takes gradients, which Keras' backend {keras.backend.backend()!r} does not "
            'have: pass method="simulate", or set KERAS_BACKEND to torch, tensorflow or jax'
        )
