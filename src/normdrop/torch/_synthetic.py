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
from normdrop.values.example import Input

_VECTOR_AXES = 2


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

    def draw(self, count: int, *, white: bool = False) -> Arguments:
        """A batch, as the arguments of one call of the model.

        Raises:
            UsageError: The example is nothing a model takes.
        """
        return synthetic(self._example, count, self._generator, self._device, white=white)

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
        return tuple(map(leaf, args)), {name: leaf(x) for name, x in kwargs.items()}


def synthetic(
    example: object,
    count: int,
    generator: torch.Generator,
    device: torch.device,
    *,
    white: bool = False,
) -> Arguments:
    """A batch of made-up inputs, as the arguments of one call of the model.

    Args:
        example: A tensor or array with a batch axis; an `Input` or a tuple of ints without one; or
            a tuple or list (positional) or dict (keyword) of these.
        count: Batch size.
        generator: Source of randomness, on the CPU.
        device: Where the model is.
        white: Whether neighbouring positions are independent; else they are pink noise.

    Raises:
        UsageError: The example is nothing of the kind.
    """

    def make(leaf: object) -> Any:  # noqa: ANN401 - settings such as None pass through
        return _leaf(leaf, count, generator, device, white=white)

    if isinstance(example, Mapping):
        return (), {str(name): make(leaf) for name, leaf in example.items()}
    if isinstance(example, tuple | list) and not _is_shape(example):
        return tuple(make(leaf) for leaf in example), {}
    if isinstance(example, Input | Tensor | np.ndarray) or _is_shape(example):
        return (make(example),), {}
    raise UsageError(
        f"an example is a tensor, an array, a shape without the batch axis, normdrop.Input, or a "
        f"tuple or dict of these, not {type(example).__name__}"
    )


def positions(example: object) -> int:
    """How many positions (pixels, steps) the largest input of an example has per channel."""
    if isinstance(example, Mapping):
        return max(map(positions, example.values()), default=1)
    if isinstance(example, tuple | list) and not _is_shape(example):
        return max(map(positions, example), default=1)
    if isinstance(example, Tensor | np.ndarray):
        return math.prod(example.shape[2:])
    if isinstance(example, Input):
        return math.prod(example.shape[1:])
    return math.prod(example[1:]) if isinstance(example, tuple) else 1


def pink_noise(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Noise of mean 0 and variance 1 whose amplitude falls as 1/f over the axes after the second.

    Natural images have this spectrum (Field 1987); without such axes it is white.

    Args:
        shape: (count, channels, ...).
        generator: Source of randomness, on the CPU.
    """
    white = torch.randn(shape, generator=generator)
    axes = tuple(range(_VECTOR_AXES, len(shape)))
    if not axes or all(shape[axis] == 1 for axis in axes):
        return white
    radius = torch.from_numpy(radial_frequencies(shape[_VECTOR_AXES:])).to(white.dtype)
    noise = torch.fft.ifftn(torch.fft.fftn(white, dim=axes) / radius, dim=axes).real
    centred: Tensor = noise - noise.mean()
    return centred / centred.std(correction=0)


def _leaf(
    leaf: object, count: int, generator: torch.Generator, device: torch.device, *, white: bool
) -> Any:  # noqa: ANN401 - settings such as None pass through
    if isinstance(leaf, np.ndarray):
        leaf = torch.from_numpy(leaf)
    if isinstance(leaf, Tensor):
        shape, dtype, values = tuple(leaf.shape[1:]), leaf.dtype, leaf.detach().cpu().flatten()
    elif isinstance(leaf, Input):
        shape, dtype, values = leaf.shape, getattr(torch, leaf.dtype), torch.tensor([0, 1])
    elif _is_shape(leaf):
        shape, dtype, values = tuple(leaf), torch.get_default_dtype(), torch.tensor([])
    else:
        return leaf
    if dtype.is_floating_point:
        noise = torch.randn if white else pink_noise
        return noise((count, *shape), generator=generator).to(device, dtype)
    # Whole numbers are names (tokens, classes): drawn from the names the example uses.
    rows = torch.randint(len(values), (count, *shape), generator=generator)
    return values[rows].to(device, dtype)


def _floats(arguments: Arguments) -> list[Tensor]:
    args, kwargs = arguments
    leaves = [*args, *kwargs.values()]
    return [x for x in leaves if isinstance(x, Tensor) and x.is_floating_point()]


def _is_shape(value: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(value, tuple) and bool(value) and all(type(n) is int for n in value)
