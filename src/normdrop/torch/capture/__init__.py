"""A torch model as a graph of the calls it makes."""

from normdrop.torch.capture._capture import capture as capture
