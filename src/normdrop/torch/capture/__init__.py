"""A torch model as a graph of the calls it makes."""

from ._capture import capture as capture
