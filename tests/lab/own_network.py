"""A module beside a user's script, which the workers must find as the script does."""

from torch import nn

from normdrop.torch import Block

_ORDERS = {"none": "linear-bn-act", "before": "linear-drop-bn-act", "after": "linear-bn-act-drop"}


def blocks(variant: str, features: int, classes: int, width: int) -> nn.Sequential:
    """One hidden block of the variant's order."""
    rate = 0.0 if variant == "none" else 0.3
    block = Block(_ORDERS[variant], features, width, dropout=rate)
    return nn.Sequential(block, nn.Linear(width, classes))
