"""What Keras leaves to its backends, one class for each of them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import keras

from normdrop.errors import UsageError


class Backend:
    """What is asked of a backend, and of one that only computes: it has no gradients.

    Nothing is recorded, and layers draw from Keras' seed generators alone.
    """

    def random_state_kept(self) -> AbstractContextManager[None]:
        """Put the backend's own random state back on leaving, where it has any."""
        return nullcontext()

    def seed(self, number: int) -> None:
        """Seed the backend's own random state, where a Keras layer draws from it."""

    def without_gradients(self) -> AbstractContextManager[None]:
        """Nothing inside is recorded for a backward pass."""
        return nullcontext()

    def weights_fixed(self, variables: Sequence[Any]) -> AbstractContextManager[None]:  # noqa: ARG002 - for backends that record
        """Backward passes inside keep nothing for these variables."""
        return nullcontext()

    def gradients(self, function: Callable[[list[Any]], Any], inputs: list[Any]) -> list[Any]:  # noqa: ARG002 - there are none
        """Of a scalar with respect to tensors; 0 where it does not depend on one.

        Raises:
            UsageError: The backend has no gradients.
        """
        raise UsageError(
            f"inversion takes gradients, which Keras' backend {keras.backend.backend()!r} does not "
            'have: pass method="simulate", or set KERAS_BACKEND to torch, tensorflow or jax'
        )


class Jax(Backend):
    """Layers draw from seed generators alone, and only what `jax.grad` traces is recorded."""

    def gradients(self, function: Callable[[list[Any]], Any], inputs: list[Any]) -> list[Any]:
        """By tracing, without compilation: what does not depend on the inputs stays a number."""
        import jax

        return list(jax.grad(function)(inputs))


class TensorFlow(Backend):
    """Layers draw from seed generators alone, and only what a tape watches is recorded."""

    def gradients(self, function: Callable[[list[Any]], Any], inputs: list[Any]) -> list[Any]:
        """By a tape that watches the inputs and no variable."""
        import tensorflow as tf

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            loss = function(inputs)
        found = tape.gradient(loss, inputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return list(found)


class Torch(Backend):
    """A `keras.layers.Dropout` without a seed draws from torch's own generator."""

    def random_state_kept(self) -> AbstractContextManager[None]:
        """Of the CPU and of every GPU."""
        import torch

        return torch.random.fork_rng(range(torch.cuda.device_count()))

    def seed(self, number: int) -> None:
        """Every device's generator."""
        import torch

        if torch.cuda.is_available():
            torch.manual_seed(number)
        else:  # `torch.manual_seed` costs more than a small layer
            torch.default_generator.manual_seed(number)

    def without_gradients(self) -> AbstractContextManager[None]:
        """As `torch.no_grad`."""
        import torch

        return torch.no_grad()

    @contextmanager
    def weights_fixed(self, variables: Sequence[Any]) -> Iterator[None]:
        """Activations that only the weights' gradients need are not kept."""
        tensors = [variable.value for variable in variables]
        required = [tensor for tensor in tensors if tensor.requires_grad]
        for tensor in required:
            tensor.requires_grad_(requires_grad=False)
        try:
            yield
        finally:
            for tensor in required:
                tensor.requires_grad_(requires_grad=True)

    def gradients(self, function: Callable[[list[Any]], Any], inputs: list[Any]) -> list[Any]:
        """By a backward pass; no `grad` of any tensor is written."""
        import torch

        free = [x.detach().requires_grad_() for x in inputs]
        with torch.enable_grad():
            loss = function(free)
        return list(torch.autograd.grad(loss, free, materialize_grads=True))


def backend() -> Backend:
    """The backend that Keras runs on."""
    known = {"torch": Torch, "tensorflow": TensorFlow, "jax": Jax}
    return known.get(keras.backend.backend(), Backend)()
