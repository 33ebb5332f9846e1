"""Convolutions with channels first, where the backend has them."""

import keras
import pytest


def _has_them() -> bool:
    if keras.backend.backend() != "tensorflow":
        return True
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


HAS_CHANNELS_FIRST = _has_them()
CHANNELS_FIRST = pytest.mark.xfail(
    not HAS_CHANNELS_FIRST,
    reason="TensorFlow's convolutions on the CPU take channels last alone",
    strict=True,
)
