"""Noise layers that Keras lacks, or has without the choice of what shares a mask value."""

from normdrop.keras.layers._gaussian_dropout import GaussianDropout as GaussianDropout
from normdrop.keras.layers._noise_layer import DataFormat as DataFormat
from normdrop.keras.layers._noise_layer import NoiseLayer as NoiseLayer
from normdrop.keras.layers._uniform_dropout import UniformDropout as UniformDropout

__all__ = ["DataFormat", "GaussianDropout", "NoiseLayer", "UniformDropout"]
