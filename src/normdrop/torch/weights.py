"""Weights from a file, without executing anything that may be in it."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from normdrop.errors import UsageError

_NESTED = ("state_dict", "model_state_dict", "model")


def load_weights(model: nn.Module, path: Path) -> None:
    """Load a state dict into a model: a `.safetensors` file, or one that `torch.save` wrote.

    Pickled files are read with `weights_only=True`: tensors and plain containers, never code. A
    checkpoint that holds the state dict under `state_dict`, `model_state_dict` or `model` is
    understood.

    Raises:
        UsageError: The file is missing or unreadable, or its keys or shapes are not the model's.
    """
    state = _read(path)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise UsageError(f"{path} does not fit the model: {error}") from error


def _read(path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        content: object = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise UsageError(
            f"{path} holds no plain state dict: save model.state_dict() with torch.save, or as "
            ".safetensors"
        ) from error
    for key in _NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(isinstance(x, Tensor) for x in content.values()):
        raise UsageError(f"{path} holds no state dict: save model.state_dict() with torch.save")
    return content


def _read_safetensors(path: Path) -> Mapping[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise UsageError(f"{path} is no safetensors file: {error}") from error
