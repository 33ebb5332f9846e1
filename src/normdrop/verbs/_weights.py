"""Weights from a file."""

from pathlib import Path

from normdrop.verbs._framework import torch_model


def load_weights(model: object, path: Path) -> None:
    """Load a state dict from a file; nothing in the file is executed.

    Raises:
        UsageError: No model, or a file that is missing, unreadable or another model's.
    """
    from normdrop.torch.weights import load_weights as load

    load(torch_model(model, "a state dict"), path)
