"""Mending torch models: the user's class and every `state_dict` key stay."""

from normdrop.torch.rewrite._rewrite import rewrite as rewrite
