"""A torch model as a graph of the calls it makes."""

from normdrop.torch.capture._capture import capture as capture
from normdrop.torch.capture._trees import map_leaves as map_leaves
from normdrop.torch.capture._trees import tensors_in as tensors_in
