"""Keras on torch."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch


class Torch:
    """A `keras.layers.Dropout` without a seed draws from torch's own generator."""

    def random_state_kept(self) -> AbstractContextManager[None]:
        """Of the CPU and of every GPU."""
        return torch.random.fork_rng(range(torch.cuda.device_count()))

    def seed(self, number: int) -> None:
        """Every device's generator."""
        if torch.cuda.is_available():
            torch.manual_seed(number)
        else:  # `torch.manual_seed` costs more than a small layer
            torch.default_generator.manual_seed(number)

    def without_gradients(self) -> AbstractContextManager[None]:
        """As `torch.no_grad`."""
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
        free = [x.detach().requires_grad_() for x in inputs]
        with torch.enable_grad():
            loss = function(free)
        return list(torch.autograd.grad(loss, free, materialize_grads=True))
