"""Inputs made up from an example: pink noise of its shape, standard normal per channel."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from normdrop.errors import UsageError
from normdrop.keras.capture import leaves_of
from normdrop.shifts.expected import Place, radial_frequencies
from normdrop.shifts.stream import Arguments, is_real
from normdrop.values.example import Input

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
        model: Tells whether channels come first.
    """

    def __init__(self, example: object, seed: int, model: keras.Model) -> None:
        self._example = example
        self._generator = np.random.default_rng(seed)
        self._first = channels_first(model)

    @property
    def positions(self) -> int:
        """How many positions (pixels, steps) the largest of them has per channel.

        Raises:
            UsageError: The example is nothing a model takes.
        """
        return positions(self._example, first=self._first)

    def draw(self, count: int, steepness: float = 1.0) -> Arguments:
        """A batch, as the one argument of a call of the model."""
        made = synthetic(
            self._example, count, self._generator, first=self._first, steepness=steepness
        )
        return (made,), {}

    def near(self, count: int, part: int, parts: int) -> tuple[Arguments, Sequence[Place]] | None:
        """A batch around the values that the example has, and where these lie."""
        leaves = keras.tree.flatten(self._example)
        if any(isinstance(leaf, Input) or not hasattr(leaf, "shape") for leaf in leaves):
            return None
        rows = {int(leaf.shape[0]) for leaf in leaves if len(leaf.shape)}
        real = any(is_real(leaf) and len(leaf.shape) > 1 for leaf in leaves)
        if not real or len(rows) != 1 or min(rows) < _FEWEST * parts:
            return None
        places: list[Place] = []

        def made(leaf: Any) -> Any:  # noqa: ANN401 - a tensor
            x = ops.convert_to_numpy(leaf)[part::parts]
            picked = x[np.arange(count) % len(x)]
            if not is_real(leaf):
                return ops.convert_to_tensor(picked)
            channels = self._axis(x) if x.ndim > 1 else 0
            axes = tuple(axis for axis in range(x.ndim) if axis != channels or x.ndim == 1)
            mean = x.mean(axes, np.float64, keepdims=True)
            scale = x.std(axes, np.float64, keepdims=True) + _SMALLEST * (1 + np.abs(mean))
            places.append(Place(mean.ravel(), scale.ravel()))
            picked = (picked - mean) / scale
            if count > len(x):
                shape = (count - len(x), *x.shape[1:])
                picked[len(x) :] += _AROUND * pink_noise(shape, self._generator, first=self._first)
            return ops.cast(ops.convert_to_tensor(picked), keras.backend.standardize_dtype(x.dtype))

        inputs = keras.tree.map_structure(made, self._example)
        return ((inputs,), {}), places

    def channels(self, inputs: Arguments) -> tuple[int, ...]:
        """How many channels every floating-point input has."""
        leaves = [leaf for leaf in keras.tree.flatten(inputs) if is_real(leaf)]
        return tuple(leaf.shape[self._axis(leaf)] if leaf.ndim > 1 else 1 for leaf in leaves)

    def placed(self, inputs: Arguments, places: Sequence[Place]) -> Arguments:
        """Floating-point inputs, each channel scaled and moved; differentiable."""
        left = iter(places)

        def leaf(x: Any) -> Any:  # noqa: ANN401 - settings such as None pass through
            if not is_real(x):
                return x
            place, shape = next(left), [1] * x.ndim
            if x.ndim > 1:
                shape[self._axis(x)] = -1
            scale, offset = (
                ops.cast(ops.convert_to_tensor(each.reshape(shape)), x.dtype)
                for each in (place.scale, place.offset)
            )
            return x * scale + offset

        moved: Arguments = keras.tree.map_structure(leaf, inputs)
        return moved

    def _axis(self, x: Any) -> int:  # noqa: ANN401 - a tensor
        return 1 if self._first else int(x.ndim) - 1


def synthetic(
    example: Any,  # noqa: ANN401 - nested
    count: int,
    generator: np.random.Generator,
    *,
    first: bool,
    steepness: float = 1.0,
) -> Any:  # noqa: ANN401 - nested
    """A batch of made-up inputs, nested as the example is.

    Args:
        example: A tensor or array with a batch axis; an `Input` or a tuple of ints without one; or
            a list, tuple or dict of these.
        count: Batch size.
        generator: Source of randomness.
        first: Whether channels come first, behind the batch axis.
        steepness: Of the spectrum of inputs with positions; see `pink_noise`.

    Raises:
        UsageError: The example holds no tensor or shape.
    """
    return leaves_of(
        example, lambda leaf: _made(leaf, count, generator, first=first, steepness=steepness)
    )


def positions(example: Any, *, first: bool) -> int:  # noqa: ANN401 - nested
    """How many positions (pixels, steps) the largest input of an example has per channel."""
    found: list[int] = []

    def count(leaf: Any) -> Any:  # noqa: ANN401 - a tensor or shape
        extents = _extents(leaf)
        found.append(math.prod(extents[1:] if first else extents[:-1]))
        return leaf

    leaves_of(example, count)
    return max(found, default=1)


def channels_first(model: keras.Model) -> bool:
    """Whether a model's layers have channels first; Keras' setting where none of them says."""
    for layer in model._flatten_layers():  # noqa: SLF001 - Keras has no public walk of all layers
        if hasattr(layer, "data_format"):
            return str(layer.data_format) == "channels_first"
    return str(keras.config.image_data_format()) == "channels_first"


def pink_noise(
    shape: tuple[int, ...],
    generator: np.random.Generator,
    *,
    first: bool,
    steepness: float = 1.0,
) -> np.ndarray:
    """Noise of mean 0 and variance 1 whose amplitude falls as 1/f over the axes of positions.

    Args:
        shape: (count, ..., channels), or (count, channels, ...).
        generator: Source of randomness.
        first: Whether channels come first.
        steepness: The power of f that amplitude falls by; 0 is white.

    Returns:
        float32, of that shape.
    """
    white: np.ndarray = generator.standard_normal(shape, np.float32)
    channels = 1 if first else len(shape) - 1
    axes = tuple(axis for axis in range(1, len(shape)) if axis != channels)
    extents = tuple(shape[axis] for axis in axes)
    if all(extent == 1 for extent in extents):
        return white
    falling = radial_frequencies(extents) ** steepness
    radius = np.expand_dims(falling, channels - 1).astype(np.float32)
    noise: np.ndarray = np.fft.ifftn(np.fft.fftn(white, axes=axes) / radius, axes=axes).real
    noise = noise - noise.mean()
    return np.asarray(noise / noise.std(), np.float32)


def _made(
    leaf: Any,  # noqa: ANN401 - a tensor or shape
    count: int,
    generator: np.random.Generator,
    *,
    first: bool,
    steepness: float,
) -> Any:  # noqa: ANN401 - a tensor
    shape, dtype = (count, *_extents(leaf)), keras.backend.standardize_dtype(leaf.dtype)
    if keras.backend.is_float_dtype(dtype):
        noise = pink_noise(shape, generator, first=first, steepness=steepness)
        return ops.cast(ops.convert_to_tensor(noise), dtype)
    # Whole numbers are names (tokens, classes): drawn from the names the example uses.
    values = np.array([0, 1]) if isinstance(leaf, Input) else np.ravel(ops.convert_to_numpy(leaf))
    if not values.size:
        raise UsageError("an example of whole numbers is empty: pass some that the model takes")
    # Not by naming the type: JAX narrows 64 bits without a word only where nobody asks for them.
    return ops.convert_to_tensor(generator.choice(values, shape).astype(dtype))


def _extents(leaf: Any) -> tuple[int, ...]:  # noqa: ANN401 - a tensor or shape
    shape = tuple(int(extent) for extent in leaf.shape)
    return shape if isinstance(leaf, Input) else shape[1:]
