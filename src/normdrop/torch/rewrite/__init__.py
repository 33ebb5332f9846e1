"""Mending torch models: the user's class and every `state_dict` key stay."""

from normdrop.torch.rewrite._rewrite import Editing as Editing
from normdrop.torch.rewrite._rewrite import editing as editing
from normdrop.torch.rewrite._rewrite import refuse_sealed as refuse_sealed
