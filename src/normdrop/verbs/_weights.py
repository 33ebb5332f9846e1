"""Weights from a file and into one."""

from pathlib import Path

from normdrop.verbs._framework import torch_model


def load_weights(model: object, path: Path) -> None:
    """Load a state dict from a file; nothing in the file is executed.

    Raises:
        UsageError: No model, or a file that is missing, unreadable or another model's.
    """
    from normdrop.torch.weights import load_weights as load

    load(torch_model(model, "a state dict"), path)


def save_weights(model: object, path: Path) -> Path:
    """Write a model's state dict to a `.pt` or `.safetensors` file, whole or not at all.

    Returns:
        The path of the file itself, links resolved.

    Raises:
        NormdropError: The file cannot be written.
        UsageError: No model, or a file name that ends in neither.
    """
    from normdrop.torch.weights import save_weights as save

    return save(torch_model(model, "a state dict"), path)
