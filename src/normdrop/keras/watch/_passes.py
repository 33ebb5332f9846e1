"""Forward passes that see every norm layer's input and decide what it is normalised by."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeAlias

import keras
import numpy as np
from keras import ops

from normdrop.errors import CaptureError, NormdropError, UsageError
from normdrop.keras._backend import backend
from normdrop.keras._errors import error_line
from normdrop.keras._running import has_learned_statistics
from normdrop.keras.watch._noise_calls import NoiseCalls
from normdrop.keras.watch._norm_call import NormCall
from normdrop.keras.watch._norm_calls import answered
from normdrop.shifts.expected import Both, Statistics, average, divergences, is_initial, plan
from normdrop.shifts.stream import Arguments, is_real

_DECAYS = (0.9, 0.999)
_EPSILON = 1e-8
LayerStatistics: TypeAlias = dict[str, Statistics[np.ndarray]]
"""Norm layer path to statistics, float64."""
LayerTensors: TypeAlias = dict[str, Statistics[Any]]
"""Norm layer path to statistics, tensors that gradients flow through."""


class Passes:
    """Runs a model in train or eval mode; its moving statistics are read, never updated.

    Use it inside `untouched(model)`: it seeds and switches noise layers.

    Attributes:
        stored: Norm layer path to the moving statistics the model holds; filled as norms are met.
        eps: Norm layer path to what it adds to the variance.
        frozen: Norm layers that keep to moving statistics in train mode.
        noise: The noise layers met so far.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.stored: LayerStatistics = {}
        self.eps: dict[str, float] = {}
        self.noise = NoiseCalls(model)
        self.frozen: set[str] = set()
        self._probed = False
        self._outputs: Any = None

    def train(self, inputs: Arguments, seed: int, silent: str | None = None) -> LayerStatistics:
        """Input statistics in train mode, one noise layer switched off if asked."""
        return _numbers(self.in_train(inputs, seed, silent))

    def in_train(self, inputs: Arguments, seed: int, silent: str | None = None) -> LayerTensors:
        """The same as tensors that gradients with respect to the inputs flow through."""
        self.noise.start(seed, silent=() if silent is None else {silent})

        def by(call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
            if not self._probed and not call.from_batch:
                self.frozen.add(call.path)
            frozen = call.path in self.frozen
            return call.by(self.stored[call.path]) if frozen else call.by_batch()

        seen = self._run(inputs, by, training=True)
        self._probed = True
        return seen

    def evaluate(
        self, inputs: Arguments, statistics: Mapping[str, Statistics[np.ndarray]]
    ) -> LayerStatistics:
        """Input statistics in eval mode, norm layers that are not frozen going by `statistics`."""
        self.noise.start(0)

        def by(call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
            if call.from_batch:
                return call.by_batch()
            frozen = call.path in self.frozen or call.path not in statistics
            return call.by((self.stored if frozen else statistics)[call.path])

        return _numbers(self._run(inputs, by, training=False))

    def settled(
        self, inputs: Arguments, kept: Mapping[str, Statistics[np.ndarray]]
    ) -> LayerStatistics:
        """Input statistics in eval mode, norm layers that are not kept going by these very ones."""
        self.noise.start(0)

        def by(call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
            stays = call.path in kept and not call.from_batch
            return call.by(kept[call.path]) if stays else call.by_batch()

        return _numbers(self._run(inputs, by, training=False))

    def answers(
        self, inputs: Arguments, statistics: Mapping[str, Statistics[np.ndarray]]
    ) -> list[np.ndarray]:
        """Every output of floating point in eval mode, channels last."""
        self.evaluate(inputs, statistics)
        found = keras.tree.flatten(self._outputs)
        return [_float64(leaf) for leaf in found if is_real(leaf) and leaf.ndim > 1]

    def one_by_one(self, inputs: Arguments, seed: int) -> tuple[Both, dict[str, Both]]:
        """Both modes with all noise layers on, and without each of them."""
        whole = self._both(inputs, seed, None)
        return whole, {layer: self._both(inputs, seed, layer) for layer in self.noise.layers}

    @property
    def noise_layers(self) -> list[str]:
        """Paths of the layers met so far that made noise and can be switched off."""
        return list(self.noise.layers)

    def moved(
        self,
        inputs: Arguments,
        steps: int,
        placed: Callable[[Arguments], Arguments] = lambda inputs: inputs,
    ) -> Arguments:
        """Inputs moved until train mode shows the stored statistics.

        Raises:
            UsageError: None of the inputs is a floating-point one.
        """
        leaves = keras.tree.flatten(inputs)
        free = [index for index, leaf in enumerate(leaves) if is_real(leaf)]
        if not free:
            raise UsageError(
                "inversion moves floating-point inputs, and this model takes none: "
                'pass method="simulate", or measure on real data'
            )
        if not has_learned_statistics(self.model):
            return inputs

        def arguments(values: list[Any]) -> Arguments:
            moved = dict(zip(free, values, strict=True))
            whole = [
                ops.cast(moved[index], leaf.dtype) if index in moved else leaf
                for index, leaf in enumerate(leaves)
            ]
            packed: Arguments = keras.tree.pack_sequence_as(inputs, whole)
            return packed

        def gradients(values: list[Any], step: int) -> list[Any]:
            def loss(values: list[Any]) -> Any:  # noqa: ANN401 - a tensor of the backend's
                seen = self.in_train(placed(arguments(values)), plan.OTHER_NOISE + step)
                return sum(self._distances(seen), 0.0 * ops.sum(values[0]))

            return backend().gradients(loss, values)

        single = [ops.cast(leaves[index], "float32") for index in free]
        with backend().weights_fixed(self.model.variables):
            return arguments(descend(gradients, single, steps, plan.RATE))

    def first(self, inputs: Arguments, count: int) -> Arguments:
        """The first examples of a batch."""

        def rows(leaf: Any) -> Any:  # noqa: ANN401 - settings such as None pass through
            return leaf[:count] if hasattr(leaf, "shape") else leaf

        few: Arguments = keras.tree.map_structure(rows, inputs)
        return few

    def without_gradients(self) -> AbstractContextManager[None]:
        """Nothing inside is recorded for a backward pass."""
        return backend().without_gradients()

    def _distances(self, seen: LayerTensors) -> list[Any]:
        """Every trained layer's divergence, averaged over channels; differentiable."""
        return [
            ops.mean(divergences(one, _tensors(self.stored[path]), self.eps[path], ops.log))
            for path, one in seen.items()
            if not is_initial(self.stored[path])
        ]

    def _both(self, inputs: Arguments, seed: int, silent: str | None) -> Both:
        train = self.train(inputs, seed, silent)
        return Both(train, self.evaluate(inputs, train))

    def _run(
        self, inputs: Arguments, normalise: Callable[[NormCall], Any], *, training: bool
    ) -> LayerTensors:
        seen: dict[str, list[Statistics[Any]]] = {}

        def norm(call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
            self.eps[call.path] = float(call.layer.epsilon)
            if call.path not in self.stored:
                self.stored[call.path] = call.stored()
            seen.setdefault(call.path, []).append(call.moments())
            return normalise(call)

        args, kwargs = inputs
        with _explained(self.model), answered(self.model, norm), self.noise.watched():
            self._outputs = self.model(*args, training=training, **kwargs)
        return {path: average(values) for path, values in seen.items()}


def _tensors(stored: Statistics[np.ndarray]) -> Statistics[Any]:
    return Statistics(
        *(ops.convert_to_tensor(part, dtype="float32") for part in (stored.mean, stored.variance))
    )


def _numbers(seen: LayerTensors) -> LayerStatistics:
    return {
        path: Statistics(_float64(one.mean), _float64(one.variance)) for path, one in seen.items()
    }


def _float64(tensor: Any) -> np.ndarray:  # noqa: ANN401 - a tensor of the backend's
    return np.asarray(ops.convert_to_numpy(tensor), np.float64)


@contextmanager
def _explained(model: keras.Model) -> Iterator[None]:
    """An error of the model's in one line; Keras names the layer that raised it."""
    try:
        yield
    except NormdropError:
        raise
    except Exception as error:
        raise CaptureError(
            f"{model.name}: {error_line(error)} (give an example of the shape and type the model "
            "takes, without the batch axis for a shape)"
        ) from error


def descend(
    gradients: Callable[[list[Any], int], list[Any]], start: list[Any], steps: int, rate: float
) -> list[Any]:
    """Tensors moved against their gradients by Adam (Kingma and Ba 2015, algorithm 1).

    Keras' optimizers move ε to another place and change variables, not tensors: where gradients
    are as small as those of inputs, they end elsewhere than torch's.

    Args:
        gradients: From the tensors and the number of the step to their gradients.
        start: Where the tensors begin.
        steps: How many.
        rate: Of the first step; it falls along half a cosine (Loshchilov and Hutter 2017).

    >>> (end,) = descend(lambda x, step: [2 * x[0]], [ops.ones(2)], steps=60, rate=0.1)
    >>> bool(ops.all(ops.abs(end) < 0.1))
    True
    """
    values = list(start)
    means = [ops.zeros_like(value) for value in values]
    squares = [ops.zeros_like(value) for value in values]
    first, second = _DECAYS
    for step in range(steps):
        found = gradients(values, step)
        means = [first * m + (1 - first) * g for m, g in zip(means, found, strict=True)]
        squares = [
            second * s + (1 - second) * ops.square(g) for s, g in zip(squares, found, strict=True)
        ]
        size = rate * (1 + math.cos(math.pi * step / steps)) / 2 / (1 - first ** (step + 1))
        shrink = math.sqrt(1 - second ** (step + 1))
        values = [
            value - size * mean / (ops.sqrt(square) / shrink + _EPSILON)
            for value, mean, square in zip(values, means, squares, strict=True)
        ]
    return values
