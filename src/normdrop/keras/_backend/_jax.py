"""Keras on JAX."""

from collections.abc import Callable
from typing import Any

from normdrop.keras._backend._plain import Plain


class Jax(Plain):
    """Layers draw from seed generators alone, and only what `jax.grad` traces is recorded."""

    def gradients(self, function: Callable[[list[Any]], Any], inputs: list[Any]) -> list[Any]:
        """By tracing, without compilation: what does not depend on the inputs stays a number."""
        import jax

        return list(jax.grad(function)(inputs))
