"""Mending torch models: the user's class and every `state_dict` key stay."""

from normdrop.torch.rewrite._editor import Editing as Editing
from normdrop.torch.rewrite._editor import editing as editing
from normdrop.torch.rewrite._editor import refuse_sealed as refuse_sealed
