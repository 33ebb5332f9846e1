"""Trains the networks that are named, or all, on one thread."""

import sys

import torch
from story.network import VARIANTS
from story.training import trained

torch.set_num_threads(1)
for variant in sys.argv[1:] or VARIANTS:
    trained(variant)
