"""normdrop for PyTorch."""

from normdrop.torch._noise_layer import NoiseLayer as NoiseLayer
from normdrop.torch.blocks import Block as Block
from normdrop.torch.blocks import Head as Head
from normdrop.torch.blocks import ResidualBlock as ResidualBlock
from normdrop.torch.layers import Dropout as Dropout
from normdrop.torch.layers import GaussianDropout as GaussianDropout
from normdrop.torch.layers import UniformDropout as UniformDropout
from normdrop.torch.layers import dropout as dropout
from normdrop.torch.layers import gaussian_dropout as gaussian_dropout
from normdrop.torch.layers import uniform_dropout as uniform_dropout
from normdrop.torch.monitor import ShiftMonitor as ShiftMonitor

__all__ = [
    "Block",
    "Dropout",
    "GaussianDropout",
    "Head",
    "NoiseLayer",
    "ResidualBlock",
    "ShiftMonitor",
    "UniformDropout",
    "dropout",
    "gaussian_dropout",
    "uniform_dropout",
]
