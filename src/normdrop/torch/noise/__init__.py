"""Multiplying tensors by noise."""

from normdrop.torch.noise._multiply import Kind as Kind
from normdrop.torch.noise._multiply import multiply_noise as multiply_noise
