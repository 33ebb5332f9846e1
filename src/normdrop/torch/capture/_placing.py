"""Keeping a forward pass from touching anything.

It stays on the `meta` device, whatever it was written for, and the random generators are afterwards
as they were.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from normdrop.torch.trees import map_leaves, tensors_in

Function = Callable[..., Any]
_MOVES = frozenset({"cpu", "cuda", "xpu"})


def unmoved(
    function: Function, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Function, tuple[Any, ...], dict[str, Any]]:
    """The same call, except that a tensor which is told to change its device stays.

    Only a change of dtype is left of `x.to("cuda", torch.float16)`.
    """
    if name in _MOVES:
        return torch.Tensor.clone, args[:1], {}
    if name != "to":
        return function, args, kwargs
    kept = tuple(each for each in args if not _is_device(each))
    named = {key: each for key, each in kwargs.items() if key != "device"}
    casts = any(isinstance(each, torch.dtype | Tensor) for each in (*kept[1:], *named.values()))
    if casts:
        return function, kept, named
    return torch.Tensor.clone, kept[:1], {}


def _is_device(value: object) -> bool:
    """Whether an argument of `to` names a device, by name, number or value."""
    return isinstance(value, str | torch.device) or type(value) is int


def unrecorded() -> AbstractContextManager[Any]:
    """A context in which torch calls are nobody's business: they are no part of the model."""
    context: AbstractContextManager[Any] = torch._C.DisableTorchFunction()  # noqa: SLF001 - the documented way is to be inside a handler
    return context


class Twins:
    """Stand-ins on `meta` for the tensors that are not there.

    Attributes:
        written: Ids of tensors whose twin was written into: from then on the twin stands for them
            everywhere.
    """

    def __init__(self, introduce: Callable[[Tensor, Tensor], None]) -> None:
        """`introduce(twin, original)` is told of every twin made."""
        self._introduce = introduce
        self._twins: dict[int, Tensor] = {}
        self._kept: list[Tensor] = []
        self.written: set[int] = set()

    def placed(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, all on `meta` if any of them is."""
        arguments = list(tensors_in((args, kwargs)))
        meta = [each.is_meta or id(each) in self.written for each in arguments]
        if not any(meta) or all(each.is_meta for each in arguments):
            return args, kwargs
        return map_leaves(self._leaf, args), map_leaves(self._leaf, kwargs)

    def note_written(self, tensor: Tensor) -> None:
        """Let a twin that was written into stand for its original from now on."""
        for original, twin in self._twins.items():
            if twin is tensor:
                self.written.add(original)

    def _leaf(self, leaf: object) -> object:
        if not isinstance(leaf, Tensor) or leaf.is_meta:
            return leaf
        if id(leaf) not in self._twins:
            twin = leaf.detach().to("meta")
            self._twins[id(leaf)] = twin
            self._kept.append(leaf)
            self._introduce(twin, leaf)
        return self._twins[id(leaf)]


def raise_as_if_real(
    function: Function, args: tuple[Any, ...], kwargs: dict[str, Any], error: RuntimeError
) -> None:
    """Raise what a failed call says to real tensors of the same shapes, if it fails there too.

    Stand-ins cause terser messages. The real tensors are one number, expanded: they take no memory.
    """
    if isinstance(error, NotImplementedError) or "meta" in str(error).lower():
        return
    function(*map_leaves(_expanded, args), **map_leaves(_expanded, kwargs))


def _expanded(leaf: object) -> object:
    if isinstance(leaf, Tensor) and leaf.is_meta:
        return torch.zeros((), dtype=leaf.dtype).expand(leaf.shape)
    return leaf


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Seed every global generator to 0 inside, and restore each one after.

    With a fixed seed a model that skips layers at random is captured the same way every time.
    """
    cuda = torch.cuda.is_available() and torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = torch.cuda.get_rng_state_all() if cuda else None
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002 - the global state is what is kept
    try:
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002 - same
        torch.default_generator.manual_seed(0)
        if devices is not None:
            torch.cuda.manual_seed_all(0)
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002 - same
        torch.set_rng_state(cpu)
        if devices is not None:
            torch.cuda.set_rng_state_all(devices)
