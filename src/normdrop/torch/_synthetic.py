"""Inputs made up from an example: pink noise of its shape, standard normal per channel."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor

from normdrop.errors import UsageError
from normdrop.shifts.expected import Place, radial_frequencies
from normdrop.shifts.stream import Arguments
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
        args, kwargs = (
            _arguments(self._example, lambda leaf: leaf) if _has_values(self._example) else ((), {})
        )
        leaves = [_tensor(each) for each in (*args, *kwargs.values())]
        real = [x for x in leaves if x is not None and x.is_floating_point() and x.ndim > 1]
        rows = {len(x) for x in leaves if x is not None and x.ndim}
        if not real or len(rows) != 1 or min(rows) < _FEWEST * parts or keeps_rows(self._example):
            return None
        places: list[Place] = []

        def leaf(value: Any) -> Any:  # noqa: ANN401 - settings such as None pass through
            x = _tensor(value)
            if x is None or not x.ndim:
                return value
            x = x[part::parts]
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

        args, kwargs = _arguments(self._example, leaf)
        return (args, kwargs), places

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
    steepness: float = 1.0,
) -> Arguments:
    """A batch of made-up inputs, as the arguments of one call of the model.

    Whole numbers that stand in other rows than the values beside them, as the edges of a graph do,
    are kept, and so is the number of rows.

    Args:
        example: A tensor or array with a batch axis; an `Input` or a tuple of ints without one; or
            a tuple or list (positional) or dict (keyword) of these.
        count: Batch size.
        generator: Source of randomness, on the CPU.
        device: Where the model is.
        steepness: Of the spectrum of inputs with positions; see `pink_noise`.

    Raises:
        UsageError: The example is nothing of the kind.
    """
    kept = keeps_rows(example)

    def make(leaf: object) -> Any:  # noqa: ANN401 - settings such as None pass through
        given = _tensor(leaf) if kept else None
        if given is not None and not given.is_floating_point():
            return given.to(device)
        rows = count if given is None else len(given)
        return _leaf(leaf, rows, generator, device, steepness)

    return _arguments(example, make)


def keeps_rows(example: object) -> bool:
    """Whether rows mean something: whole numbers stand in other rows than the values.

    >>> x, edges = torch.zeros(5, 3), torch.zeros(2, 8, dtype=torch.long)
    >>> keeps_rows((x, edges)), keeps_rows((x, torch.zeros(5, dtype=torch.long)))
    (True, False)
    """
    if not _has_values(example):
        return False
    args, kwargs = _arguments(example, _tensor)
    leaves = [x for x in (*args, *kwargs.values()) if x is not None and x.ndim]
    real = {len(x) for x in leaves if x.is_floating_point()}
    return bool(real) and any(len(x) not in real for x in leaves if not x.is_floating_point())


def _has_values(example: object) -> bool:
    if isinstance(example, Mapping):
        return all(_tensor(each) is not None or each is None for each in example.values())
    if isinstance(example, tuple | list) and not _is_shape(example):
        return all(_tensor(each) is not None or each is None for each in example)
    return _tensor(example) is not None


def _tensor(leaf: object) -> Tensor | None:
    if isinstance(leaf, np.ndarray):
        return torch.from_numpy(leaf)
    return leaf.detach() if isinstance(leaf, Tensor) else None


def _arguments(example: object, make: Callable[[Any], Any]) -> Arguments:
    """Every leaf of an example made into something, as the arguments of a call."""
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


def _leaf(
    leaf: object,
    count: int,
    generator: torch.Generator,
    device: torch.device,
    steepness: float,
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
        return pink_noise((count, *shape), generator, steepness).to(device, dtype)
    # Whole numbers are names (tokens, classes): drawn from the names the example uses.
    rows = torch.randint(len(values), (count, *shape), generator=generator)
    return values[rows].to(device, dtype)


def _floats(arguments: Arguments) -> list[Tensor]:
    args, kwargs = arguments
    leaves = [*args, *kwargs.values()]
    return [x for x in leaves if isinstance(x, Tensor) and x.is_floating_point()]


def _is_shape(value: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(value, tuple) and bool(value) and all(type(n) is int for n in value)
