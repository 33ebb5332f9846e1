"""Inputs made up from an example: pink noise of its shape, standard normal per channel."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor

from normdrop.errors import UsageError
from normdrop.shifts.expected import Place, radial_frequencies
from normdrop.shifts.stream import Arguments
from normdrop.torch.trees import map_leaves, tensors_in
from normdrop.values.example import Input

_VECTOR_AXES = 2
_FEWEST = 2
"""Rows of an example that inputs are made around at the fewest."""
_AROUND = 0.3
"""Deviations of the noise that tells repeated rows of an example apart."""
_SMALLEST = 1e-6


class SyntheticInputs:
    """Made-up inputs of the shapes and types of an example.

    Args:
        example: As for `synthetic`.
        seed: The same one gives the same inputs.
        device: Where the model is.
    """

    def __init__(self, example: object, seed: int, device: torch.device) -> None:
        self._example = example
        self._generator = torch.Generator().manual_seed(seed)
        self._device = device

    @property
    def positions(self) -> int:
        """How many positions (pixels, steps) the largest of them has per channel."""
        return positions(self._example)

    def draw(self, count: int, steepness: float = 1.0) -> Arguments:
        """A batch, as the arguments of one call of the model.

        Raises:
            UsageError: The example is nothing a model takes.
        """
        return synthetic(self._example, count, self._generator, self._device, steepness)

    def near(self, count: int, part: int, parts: int) -> tuple[Arguments, Sequence[Place]] | None:
        """A batch around the values that the example has, and where these lie."""
        read = _parts(self._example)
        leaves = [leaf for leaf in _tensors(read) if leaf.shape]
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        real = any(leaf.is_floating_point() and leaf.ndim > 1 for leaf in tensors)
        rows = {len(leaf) for leaf in tensors}
        if not real or len(tensors) < len(leaves) or len(rows) > 1 or min(rows) < _FEWEST * parts:
            return None
        places: list[Place] = []

        def around(leaf: Any) -> Any:  # noqa: ANN401 - settings such as None pass through
            if not isinstance(leaf, Tensor) or not leaf.ndim:
                return leaf
            x = leaf.detach()[part::parts]
            picked = x[torch.arange(count) % len(x)]
            if not x.is_floating_point():
                return picked.to(self._device)
            axes = [axis for axis in range(x.ndim) if axis != 1] if x.ndim > 1 else [0]
            variance, mean = torch.var_mean(x.double(), axes, correction=0, keepdim=True)
            scale = variance.sqrt() + _SMALLEST * (1 + mean.abs())
            places.append(Place(*(each.flatten().cpu().numpy() for each in (mean, scale))))
            picked = ((picked - mean) / scale).to(x.dtype)
            if count > len(x):
                added = pink_noise((count - len(x), *x.shape[1:]), self._generator)
                picked[len(x) :] += _AROUND * added.to(picked)
            return picked.to(self._device)

        return _arguments(map_leaves(around, read)), places

    def given(self) -> Arguments | None:
        """The example itself, if it is of real tensors."""
        parts = _parts(self._example)
        if not all(isinstance(leaf, Tensor) for leaf in _tensors(parts)):
            return None
        return _arguments(map_leaves(lambda leaf: _moved(leaf, self._device), parts))

    def channels(self, inputs: Arguments) -> tuple[int, ...]:
        """How many channels every floating-point input has."""
        return tuple(x.shape[1] if x.ndim > 1 else 1 for x in _floats(inputs))

    def placed(self, inputs: Arguments, places: Sequence[Place]) -> Arguments:
        """Floating-point inputs, each channel scaled and moved; differentiable."""
        left = iter(places)

        def leaf(x: Any) -> Any:  # noqa: ANN401 - settings such as None pass through
            if not (isinstance(x, Tensor) and x.is_floating_point()):
                return x
            place = next(left)
            shape = (1, -1, *[1] * (x.ndim - _VECTOR_AXES)) if x.ndim > 1 else (1,)
            scale, offset = (
                torch.as_tensor(each, dtype=x.dtype, device=x.device).reshape(shape)
                for each in (place.scale, place.offset)
            )
            return x * scale + offset

        args, kwargs = inputs
        return map_leaves(leaf, tuple(args)), map_leaves(leaf, dict(kwargs))


def synthetic(
    example: object,
    count: int,
    generator: torch.Generator,
    device: torch.device,
    steepness: float = 1.0,
) -> Arguments:
    """A batch of made-up inputs, as the arguments of one call of the model.

    Floating-point tensors are drawn. Where whole numbers or truth values stand beside others, as
    lengths and masks do, they are taken from the example row by row, so that they go on fitting one
    another. Where tensors have no common batch axis, as the nodes and edges of a graph do not, each
    keeps its rows, and only features are drawn.

    Args:
        example: A tensor or array with a batch axis; an `Input` or a tuple of ints without one; or
            a tuple or list (positional) or dict (keyword) of these, also nested.
        count: Batch size.
        generator: Source of randomness, on the CPU.
        device: Where the model is.
        steepness: Of the spectrum of inputs with positions; see `pink_noise`.

    Raises:
        UsageError: The example is nothing of the kind.
    """
    parts = _parts(example)
    leaves = _tensors(parts)
    extents = {len(leaf) for leaf in leaves if isinstance(leaf, Tensor) and leaf.ndim}
    if len(extents) > 1:

        def kept(leaf: object) -> Any:  # noqa: ANN401 - settings such as None pass through
            features = isinstance(leaf, Tensor) and leaf.is_floating_point() and leaf.ndim > 1
            if not features or not isinstance(leaf, Tensor):
                return _moved(leaf, device)
            return _leaf(leaf, len(leaf), generator, device, steepness)

        return _arguments(map_leaves(kept, parts))
    rows = None
    if len(leaves) > 1 and max(extents, default=1) > 1:
        # In order, since lengths may have to fall.
        rows = torch.randint(max(extents), (count,), generator=generator).sort().values

    def make(leaf: object) -> Any:  # noqa: ANN401 - settings such as None pass through
        if isinstance(leaf, Tensor) and leaf.ndim and not leaf.is_floating_point():
            if rows is not None:
                return leaf.detach().cpu()[rows].to(device)
            if len(leaves) > 1 and (leaf.ndim == 1 or leaf.max() <= 1):  # a length, a mask
                return leaf.detach().cpu().expand(count, *leaf.shape[1:]).to(device)
        return _leaf(leaf, count, generator, device, steepness)

    return _arguments(map_leaves(make, parts))


def positions(example: object) -> int:
    """How many positions (pixels, steps) the largest input of an example has per channel."""
    found = [
        math.prod(leaf.shape[2:] if isinstance(leaf, Tensor) else leaf.shape[1:])
        for leaf in _tensors(_parts(example))
    ]
    return max(found, default=1)


def pink_noise(
    shape: tuple[int, ...], generator: torch.Generator, steepness: float = 1.0
) -> Tensor:
    """Noise of mean 0 and variance 1 whose amplitude falls as 1/f over the axes after the second.

    Natural images have this spectrum (Field 1987); without such axes it is white.

    Args:
        shape: (count, channels, ...).
        generator: Source of randomness, on the CPU.
        steepness: The power of f that amplitude falls by; 0 is white.
    """
    white = torch.randn(shape, generator=generator)
    axes = tuple(range(_VECTOR_AXES, len(shape)))
    if not axes or all(shape[axis] == 1 for axis in axes):
        return white
    radius = torch.from_numpy(radial_frequencies(shape[_VECTOR_AXES:]) ** steepness).to(white.dtype)
    noise = torch.fft.ifftn(torch.fft.fftn(white, dim=axes) / radius, dim=axes).real
    centred: Tensor = noise - noise.mean()
    return centred / centred.std(correction=0)


def _parts(example: object) -> Any:  # noqa: ANN401 - nested
    """Positional arguments as a tuple, named ones as a dict; arrays as tensors, shapes as `Input`.

    Raises:
        UsageError: The example is nothing a model takes.
    """
    parts = _read(example)
    if isinstance(parts, Tensor | Input):
        return (parts,)
    if isinstance(parts, list):
        return tuple(parts)
    if isinstance(parts, tuple | dict):
        return parts
    raise UsageError(
        f"an example is a tensor, an array, a shape without the batch axis, normdrop.Input, or a "
        f"tuple or dict of these, not {type(example).__name__}"
    )


def _read(tree: object) -> Any:  # noqa: ANN401 - nested
    if _is_shape(tree):
        return Input(tree)
    if isinstance(tree, np.ndarray):
        return torch.from_numpy(tree)
    if isinstance(tree, Mapping):
        return {str(name): _read(leaf) for name, leaf in tree.items()}
    if isinstance(tree, list):
        return [_read(leaf) for leaf in tree]
    return tuple(_read(leaf) for leaf in tree) if type(tree) is tuple else tree


def _tensors(tree: object) -> list[Tensor | Input]:
    """The tensors and shapes in nested arguments."""
    found: list[Tensor | Input] = []

    def see(leaf: object) -> object:
        if isinstance(leaf, Tensor | Input):
            found.append(leaf)
        return leaf

    map_leaves(see, tree)
    return found


def _arguments(parts: Any) -> Arguments:  # noqa: ANN401 - nested
    return ((), parts) if isinstance(parts, dict) else (parts, {})


def _moved(leaf: object, device: torch.device) -> object:
    return leaf.detach().clone().to(device) if isinstance(leaf, Tensor) else leaf


def _leaf(
    leaf: object,
    count: int,
    generator: torch.Generator,
    device: torch.device,
    steepness: float,
) -> Any:  # noqa: ANN401 - settings such as None pass through
    if isinstance(leaf, Tensor):
        if not leaf.ndim:
            return leaf.detach().to(device)
        shape, dtype, values = tuple(leaf.shape[1:]), leaf.dtype, leaf.detach().cpu().flatten()
    elif isinstance(leaf, Input):
        shape, dtype, values = leaf.shape, getattr(torch, leaf.dtype), torch.tensor([0, 1])
    else:
        return leaf
    if dtype.is_floating_point:
        return pink_noise((count, *shape), generator, steepness).to(device, dtype)
    # Whole numbers are names (tokens, classes): drawn from the names the example uses.
    picked = torch.randint(len(values), (count, *shape), generator=generator)
    return values[picked].to(device, dtype)


def _floats(arguments: Arguments) -> list[Tensor]:
    return [x for x in tensors_in(arguments) if x.is_floating_point()]


def _is_shape(value: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(value, tuple) and bool(value) and all(type(n) is int for n in value)
