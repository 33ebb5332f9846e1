"""Tensors inside nested arguments and results."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor


def tensors_in(tree: object) -> Iterator[Tensor]:
    """Every tensor in nested tuples, lists, dicts, dataclasses and slices, in order."""
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, tuple | list | set | frozenset):
        for each in tree:
            yield from tensors_in(each)
    elif isinstance(tree, dict):
        for each in tree.values():
            yield from tensors_in(each)
    elif isinstance(tree, slice):
        yield from tensors_in((tree.start, tree.stop, tree.step))
    elif dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        for field in dataclasses.fields(tree):
            yield from tensors_in(getattr(tree, field.name, None))


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:  # noqa: ANN401 - any tree
    """The same nesting of tuples, lists and dicts with every leaf replaced by `function(leaf)`.

    Tuples of other classes keep their class, and those in which nothing changes are the same.
    """
    if isinstance(tree, tuple):
        parts = [map_leaves(function, each) for each in tree]
        if all(new is old for new, old in zip(parts, tree, strict=True)):
            return tree
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    if isinstance(tree, list):
        return [map_leaves(function, each) for each in tree]
    if isinstance(tree, dict):
        mapped = {key: map_leaves(function, each) for key, each in tree.items()}
        return mapped if type(tree) is dict else _refilled(tree, mapped)
    return function(tree)


def _refilled(like: dict[Any, Any], mapped: dict[Any, Any]) -> Any:  # noqa: ANN401 - any mapping
    """A mapping of the class of `like`, such as a library's model output, with new values."""
    made = type(like)()
    made.update(mapped)
    return made
