"""From what a user gives as an example to the arguments of a forward pass."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from normdrop.errors import UsageError
from normdrop.torch.capture._trees import map_leaves, tensors_in
from normdrop.values.example import Input

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
_BATCHES = (4, 6, 8, 10, 12, 14, 16, 18)


class Example:
    """One example input: real tensors, or shapes and element types.

    Attributes:
        real: Whether it has values.
        batch_size: Extent of the first axis.
    """

    def __init__(self, example: Any) -> None:  # noqa: ANN401 - tensors, arrays, shapes, nested
        """Read an example.

        A tensor, array, `Input` or tuple of whole numbers is the one argument of the model, a
        tuple holds its positional arguments, a dict its named ones.

        Raises:
            UsageError: It is none of these, or no tensor is in it.
        """
        parts = _parts(example)
        shapes = [each for each in _leaves(parts) if isinstance(each, Input)]
        taken = {extent for each in shapes for extent in each.shape}
        batch = next((size for size in _BATCHES if size not in taken), _BATCHES[0])
        self._arguments = map_leaves(lambda leaf: _tensor(leaf, batch), parts)
        tensors = list(tensors_in(self._arguments))
        if not tensors:
            raise UsageError(
                f"an example of type {type(example).__name__} holds no tensor: pass a tensor, an "
                "array, a tuple or dict of them, or a shape such as (3, 32, 32)"
            )
        self.real = not shapes
        self.batch_size = int(tensors[0].shape[0]) if tensors[0].ndim else 1

    def arguments(self, *, real: bool) -> Arguments:
        """Fresh arguments, with values or on the `meta` device."""
        if isinstance(self._arguments, dict):
            return (), map_leaves(lambda leaf: _placed(leaf, real=real), self._arguments)
        return map_leaves(lambda leaf: _placed(leaf, real=real), self._arguments), {}

    def doubled(self) -> "Example":
        """Every tensor twice along its first axis, for models that cannot train on one sample."""
        twice = Example.__new__(Example)
        twice.real, twice.batch_size = self.real, 2 * self.batch_size
        twice._arguments = map_leaves(_twice, self._arguments)  # noqa: SLF001 - its own class
        return twice


def _parts(example: Any) -> Any:  # noqa: ANN401 - tensors, arrays, shapes, nested
    """Positional arguments as a tuple or named ones as a dict, with shapes as `Input`."""
    read = _shapes(example)
    if isinstance(read, tuple | dict):
        return read
    return (read,)


def _shapes(tree: Any) -> Any:  # noqa: ANN401 - tensors, arrays, shapes, nested
    if isinstance(tree, tuple) and tree and all(type(each) is int for each in tree):
        return Input(tree)
    if type(tree) is tuple:
        return tuple(_shapes(each) for each in tree)
    if isinstance(tree, dict):
        return {key: _shapes(each) for key, each in tree.items()}
    return tree


def _leaves(tree: Any) -> list[Any]:  # noqa: ANN401 - any tree
    found: list[Any] = []
    map_leaves(found.append, tree)
    return found


def _tensor(leaf: Any, batch: int) -> Any:  # noqa: ANN401 - what is no tensor stays
    if isinstance(leaf, np.ndarray):
        return torch.from_numpy(leaf)
    if isinstance(leaf, Input):
        dtype = getattr(torch, leaf.dtype, None)
        if not isinstance(dtype, torch.dtype):
            raise UsageError(f"{leaf.dtype!r} is no element type: use one such as 'float32'")
        return torch.empty((batch, *leaf.shape), dtype=dtype, device="meta")
    return leaf


def _placed(leaf: Any, *, real: bool) -> Any:  # noqa: ANN401 - what is no tensor stays
    if not isinstance(leaf, Tensor):
        return leaf
    plain = leaf.detach()
    return plain.clone() if real else plain.to("meta", copy=True)


def _twice(leaf: Any) -> Any:  # noqa: ANN401 - what is no tensor stays
    return torch.cat([leaf, leaf]) if isinstance(leaf, Tensor) and leaf.ndim else leaf
