"""normdrop for Keras 3, on whatever backend runs. `Dropout` is Keras' own."""

from normdrop.keras._version import check_version

check_version()

from normdrop.keras.blocks import Block as Block  # noqa: E402 - Keras is looked at first
from normdrop.keras.blocks import Head as Head  # noqa: E402 - same
from normdrop.keras.blocks import ResidualBlock as ResidualBlock  # noqa: E402 - same
from normdrop.keras.layers import GaussianDropout as GaussianDropout  # noqa: E402 - same
from normdrop.keras.layers import NoiseLayer as NoiseLayer  # noqa: E402 - same
from normdrop.keras.layers import UniformDropout as UniformDropout  # noqa: E402 - same
from normdrop.keras.monitor import ShiftMonitor as ShiftMonitor  # noqa: E402 - same

__all__ = [
    "Block",
    "GaussianDropout",
    "Head",
    "NoiseLayer",
    "ResidualBlock",
    "ShiftMonitor",
    "UniformDropout",
]
