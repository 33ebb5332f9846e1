"""Forward passes that see every norm layer's input and decide what it is normalised by."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeAlias

import keras
import numpy as np
from keras import ops

from normdrop.errors import CaptureError, NormdropError
from normdrop.keras._backend import backend
from normdrop.keras._errors import one_line
from normdrop.keras._norm_call import NormCall
from normdrop.keras.watch._noise_calls import NoiseCalls
from normdrop.keras.watch._norm_calls import answered
from normdrop.shifts.expected import Both, Moments, average

Arguments: TypeAlias = Any
"""What the model takes: a tensor, or a list or dict of them."""
Statistics: TypeAlias = dict[str, Moments[np.ndarray]]
"""Norm layer path to statistics, float64."""
Seen: TypeAlias = dict[str, Moments[Any]]
"""Norm layer path to statistics, tensors that gradients flow through."""


class Passes:
    """Runs a model in train or eval mode; its moving statistics are read, never updated.

    Use it inside `untouched(model)`: it seeds and switches noise layers.

    Attributes:
        stored: Norm layer path to the moving statistics the model holds; filled as norms are met.
        eps: Norm layer path to what it adds to the variance.
        frozen: Norm layers that keep to moving statistics in train mode.
        noise: The noise layers met so far.

    Args:
        model: Any built model.
        call: Calls it with inputs and the argument `training`; by default with one positional
            argument.
    """

    def __init__(self, model: keras.Model, call: Callable[..., Any] | None = None) -> None:
        self.model = model
        self._call = model if call is None else call
        self.stored: Statistics = {}
        self.eps: dict[str, float] = {}
        self.noise = NoiseCalls(model)
        self.frozen: set[str] = set()
        self._probed = False

    def train(self, inputs: Arguments, seed: int, silent: str | None = None) -> Statistics:
        """Input statistics in train mode, one noise layer switched off if asked."""
        return _numbers(self.in_train(inputs, seed, silent))

    def in_train(self, inputs: Arguments, seed: int, silent: str | None = None) -> Seen:
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
        self, inputs: Arguments, statistics: Mapping[str, Moments[np.ndarray]]
    ) -> Statistics:
        """Input statistics in eval mode, norm layers that are not frozen going by `statistics`."""
        self.noise.start(0)

        def by(call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
            if call.from_batch:
                return call.by_batch()
            frozen = call.path in self.frozen or call.path not in statistics
            return call.by((self.stored if frozen else statistics)[call.path])

        return _numbers(self._run(inputs, by, training=False))

    def one_by_one(self, inputs: Arguments, seed: int) -> tuple[Both, dict[str, Both]]:
        """Both modes with all noise layers on, and without each of them."""
        whole = self._both(inputs, seed, None)
        return whole, {layer: self._both(inputs, seed, layer) for layer in self.noise.layers}

    def without_gradients(self) -> AbstractContextManager[None]:
        """Nothing inside is recorded for a backward pass."""
        return backend().without_gradients()

    def _both(self, inputs: Arguments, seed: int, silent: str | None) -> Both:
        train = self.train(inputs, seed, silent)
        return Both(train, self.evaluate(inputs, train))

    def _run(
        self, inputs: Arguments, normalise: Callable[[NormCall], Any], *, training: bool
    ) -> Seen:
        seen: dict[str, list[Moments[Any]]] = {}

        def norm(call: NormCall) -> Any:  # noqa: ANN401 - a tensor of the backend's
            self.eps[call.path] = float(call.layer.epsilon)
            if call.path not in self.stored:
                self.stored[call.path] = call.stored()
            seen.setdefault(call.path, []).append(call.moments())
            return normalise(call)

        with _explained(self.model), answered(self.model, norm), self.noise.watched():
            self._call(inputs, training=training)
        return {path: average(values) for path, values in seen.items()}


def _numbers(seen: Seen) -> Statistics:
    return {path: Moments(_float64(one.mean), _float64(one.variance)) for path, one in seen.items()}


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
            f"{model.name}: {one_line(error)} (give an example of the shape and type the model "
            "takes, without the batch axis for a shape)"
        ) from error
