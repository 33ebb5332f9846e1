"""Keras on TensorFlow."""

from collections.abc import Callable
from typing import Any

from normdrop.keras._backend._plain import Plain


class TensorFlow(Plain):
    """Layers draw from seed generators alone, and only what a tape watches is recorded."""

    def gradients(self, function: Callable[[list[Any]], Any], inputs: list[Any]) -> list[Any]:
        """By a tape that watches the inputs and no variable."""
        import tensorflow as tf

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            loss = function(inputs)
        found = tape.gradient(loss, inputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return list(found)
