"""Multiplying tensors by noise."""

from normdrop.torch.noise._multiply import Kind as Kind
from normdrop.torch.noise._multiply import multiply_noise as multiply_noise
from normdrop.torch.noise._threads import compiled as compiled
from normdrop.torch.noise._threads import run_on_tiles as run_on_tiles
