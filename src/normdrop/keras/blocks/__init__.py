"""Building blocks: any order from one string, and blocks whose dropout is in the right place."""

from normdrop.keras.blocks._block import Block as Block
from normdrop.keras.blocks._head import Head as Head
from normdrop.keras.blocks._residual_block import ResidualBlock as ResidualBlock
