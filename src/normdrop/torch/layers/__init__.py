"""Noise layers: dropout and its relatives."""

from normdrop.torch.layers._dropout import Dropout as Dropout
from normdrop.torch.layers._dropout import dropout as dropout
from normdrop.torch.layers._gaussian_dropout import GaussianDropout as GaussianDropout
from normdrop.torch.layers._gaussian_dropout import gaussian_dropout as gaussian_dropout
from normdrop.torch.layers._noise_layer import NoiseLayer as NoiseLayer
from normdrop.torch.layers._uniform_dropout import UniformDropout as UniformDropout
from normdrop.torch.layers._uniform_dropout import uniform_dropout as uniform_dropout
