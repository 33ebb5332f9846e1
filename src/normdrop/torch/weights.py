"""Weights from a file, without executing anything that may be in it."""

import io
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from normdrop.errors import UsageError
from normdrop.values.files import write_atomically

_NESTED = ("state_dict", "model_state_dict", "model")
_WRAPPERS = ("module.", "_orig_mod.")
"""What `DistributedDataParallel` and `torch.compile` put before every key."""


def load_weights(model: nn.Module, path: Path) -> None:
    """Load a state dict into a model: a `.safetensors` file, or one that `torch.save` wrote.

    Pickled files are read with `weights_only=True`: tensors and plain containers, never code. A
    checkpoint that holds the state dict under `state_dict`, `model_state_dict` or `model` is
    understood, and so are the keys of a parallel or a compiled model.

    Raises:
        UsageError: The file is missing or unreadable, or its keys or shapes are not the model's,
            which is then as it was.
    """
    state = _read(path)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    try:
        model.load_state_dict(_unwrapped(state, before))
    except RuntimeError as error:
        model.load_state_dict(before)  # torch has loaded what does fit
        raise UsageError(f"{path} does not fit the model: {error}") from error


def _unwrapped(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The state without a wrapper's prefix, where all keys have one that the model's have not."""
    for prefix in _WRAPPERS:
        theirs = state and all(key.startswith(prefix) for key in state)
        if theirs and not any(key.startswith(prefix) for key in own):
            return _unwrapped({key.removeprefix(prefix): x for key, x in state.items()}, own)
    return state


def _read(path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        content: object = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes make the unpickler raise nearly anything
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


def save_weights(model: nn.Module, path: Path) -> Path:
    """Write a state dict to a `.safetensors` or `.pt` file, whole or not at all.

    Returns:
        The path of the file itself, links resolved.

    Raises:
        NormdropError: The file cannot be written.
        UsageError: The file name ends in neither.
    """
    state = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    if path.suffix == ".safetensors":
        from safetensors.torch import save

        # Tied weights share memory, which the format does not know: each is written by itself.
        return write_atomically(path, save({key: value.clone() for key, value in state.items()}))
    if path.suffix != ".pt":
        raise UsageError(f"{path}: name the file .pt or .safetensors")
    content = io.BytesIO()
    torch.save(state, content)
    return write_atomically(path, content.getvalue())
