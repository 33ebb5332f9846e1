"""From what a user gives as an example to the symbolic arguments of a call."""

from collections.abc import Callable
from typing import Any

import keras

from normdrop.errors import UsageError
from normdrop.values.example import Input

_BATCH = 4


def symbolic(example: Any) -> tuple[Any, int]:  # noqa: ANN401 - nested
    """Symbolic tensors in the place of arrays and shapes, and the batch size.

    Raises:
        UsageError: There is no array or shape.
    """
    found: list[keras.KerasTensor] = []

    def tensor(leaf: Any) -> keras.KerasTensor:  # noqa: ANN401 - a tensor or shape
        shape = (_BATCH, *leaf.shape) if isinstance(leaf, Input) else leaf.shape
        dtype = keras.backend.standardize_dtype(leaf.dtype)
        made = keras.KerasTensor(tuple(int(extent) for extent in shape), dtype)
        found.append(made)
        return made

    arguments = leaves_of(example, tensor)
    return arguments, int(found[0].shape[0])


def leaves_of(example: Any, change: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - nested
    """The example, nested as a model takes it, with something in the place of every tensor.

    Args:
        example: What a user gave.
        change: From a tensor, an array or an `Input` to what takes its place.

    Raises:
        UsageError: There is none.
    """
    count = 0

    def leaf(each: Any) -> Any:  # noqa: ANN401 - what is no array stays
        nonlocal count
        if getattr(each, "shape", None) is None:
            return each
        count += 1
        return change(each)

    changed = keras.tree.map_structure(leaf, _shapes(example))
    if not count:
        raise UsageError(
            f"an example of type {type(example).__name__} holds no tensor: pass an array, a list "
            "or dict of them, or a shape such as (32, 32, 3)"
        )
    return changed


def _shapes(tree: Any) -> Any:  # noqa: ANN401 - nested
    """Shapes as `Input`, which a tree does not take apart."""
    if isinstance(tree, tuple) and tree and all(type(each) is int for each in tree):
        return Input(tree)
    if isinstance(tree, list | tuple):
        return [_shapes(each) for each in tree]
    if isinstance(tree, dict):
        return {key: _shapes(each) for key, each in tree.items()}
    return tree
