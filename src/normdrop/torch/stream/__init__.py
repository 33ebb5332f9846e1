"""Batches run through a torch model: what is read and what is seen at the norm layers."""

from normdrop.torch.stream._batches import reading as reading
from normdrop.torch.stream._gather import over_all_processes as over_all_processes
from normdrop.torch.stream._gather import several_processes as several_processes
from normdrop.torch.stream._run import WatchedRun as WatchedRun
