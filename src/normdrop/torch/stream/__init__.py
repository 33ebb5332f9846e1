"""Batches run through a torch model: what is read and what is seen at the norm layers."""

from normdrop.torch.stream._batches import device_of as device_of
from normdrop.torch.stream._batches import reading as reading
from normdrop.torch.stream._run import WatchedRun as WatchedRun
