"""Building blocks: any order from one string, and blocks whose dropout is in the right place."""

from normdrop.torch.blocks._block import Block as Block
from normdrop.torch.blocks._head import Head as Head
from normdrop.torch.blocks._residual_block import ResidualBlock as ResidualBlock
