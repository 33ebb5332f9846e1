"""Forward passes that see every norm layer's input and decide what it is normalised by."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from normdrop.errors import CaptureError
from normdrop.shifts.expected import Both, average, divergences, is_initial, plan
from normdrop.shifts.stream import Arguments
from normdrop.torch.watch._descent import descend, first
from normdrop.torch.watch._noise_calls import NoiseCalls, makes_noise
from normdrop.torch.watch._norm_call import Moments, NormCall, norm_call
from normdrop.torch.watch._owners import caller, paths_of, where
from normdrop.torch.watch._tape import WEIGHT_CALLS, Tape

Statistics = dict[str, Moments]
"""Norm layer path to statistics."""


class Passes:
    """Runs a model in train or eval mode; its running statistics are read, never updated.

    Use it inside `untouched(model)`: it sets modes.

    Attributes:
        stored: Norm layer path to the running statistics the model holds; filled as norms are met.
        eps: Norm layer path to what it adds to the variance.
        frozen: Norm layers that keep to running statistics in train mode.
        noise: The noise layers met so far.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.stored: Statistics = {}
        self.eps: dict[str, float] = {}
        self.frozen: set[str] = set()
        self.noise = NoiseCalls(model, paths_of(model))
        self._owners = _buffer_owners(model)
        self._probed = False

    def train(
        self, inputs: Arguments, seed: int, silent: str | None = None, tape: Tape | None = None
    ) -> Statistics:
        """Input statistics in train mode, one noise layer switched off if asked.

        A tape recorded by the same pass with every noise layer on saves what comes before that one.
        """
        self.model.train()
        if silent is not None and silent in self.noise.drawing:
            self.noise.layers[silent].training = False
            tape = None  # the layer makes no call that could end the replay
        self.noise.start(seed, silent, None if tape is None else tape.depart)
        seen = self._run(inputs, self._in_train, tape)
        self._probed = True
        return seen

    def evaluate(
        self,
        inputs: Arguments,
        statistics: Mapping[str, Moments],
        taped: tuple[Tape, Mapping[str, Moments]] | None = None,
    ) -> Statistics:
        """Input statistics in eval mode, norm layers that are not frozen going by `statistics`.

        A tape recorded with other statistics saves what comes before the first that differ.
        """
        self.model.eval()
        self.noise.start(0)
        tape, before = taped or (None, statistics)

        def by(path: str, call: NormCall) -> Tensor:
            if call.from_batch:
                return call.by_batch()
            if tape is not None and not same(statistics[path], before[path]):
                tape.depart()
            return call.by((self.stored if path in self.frozen else statistics)[path])

        return self._run(inputs, by, tape)

    def one_by_one(self, inputs: Arguments, seed: int) -> tuple[Both, dict[str, Both]]:
        """Both modes with all noise layers on, and without each of them, from tapes where alike."""
        train_tape, eval_tape = Tape(), Tape()
        whole = self.train(inputs, seed, tape=train_tape)
        evaluated = self.evaluate(inputs, whole, (eval_tape, whole))
        without: dict[str, Both] = {}
        for layer in list(self.noise.layers):
            train = self.train(inputs, seed, layer, train_tape)
            without[layer] = Both(train, self.evaluate(inputs, train, (eval_tape, whole)))
        return Both(whole, evaluated), without

    @property
    def noise_layers(self) -> list[str]:
        """Paths of the layers met so far that made noise."""
        return list(self.noise.layers)

    def moved(self, inputs: Arguments, steps: int) -> Arguments:
        """Inputs moved until train mode shows the stored statistics.

        Raises:
            UsageError: No input is a floating-point one.
        """

        def distances(arguments: Arguments, step: int) -> list[Tensor]:
            seen = self.train(arguments, seed=plan.OTHER_NOISE + step)
            return [
                divergences(one, self.stored[path], self.eps[path], Tensor.log).mean()
                for path, one in seen.items()
                if not is_initial(self.stored[path])
            ]

        self.model.requires_grad_(requires_grad=False)  # the inputs alone move
        return descend(inputs, steps, distances)

    def first(self, inputs: Arguments, count: int) -> Arguments:
        """The first examples of a batch."""
        return first(inputs, count)

    def without_gradients(self) -> torch.no_grad:
        """Nothing inside is recorded for a backward pass."""
        return torch.no_grad()

    def _in_train(self, path: str, call: NormCall) -> Tensor:
        if not self._probed and not call.from_batch:
            self.frozen.add(path)
        return call.by(self.stored[path]) if path in self.frozen else call.by_batch()

    def _run(
        self,
        inputs: Arguments,
        normalise: Callable[[str, NormCall], Tensor],
        tape: Tape | None = None,
    ) -> Statistics:
        seen: dict[str, list[Moments]] = {}

        def norm(call: NormCall) -> Tensor:
            path = self._path(call)
            self.eps[path] = call.eps
            if path not in self.stored:
                self.stored[path] = call.stored()
            seen.setdefault(path, []).append(call.moments())
            return normalise(path, call)

        args, kwargs = inputs
        try:
            with _Watch(norm, self.noise, tape):
                self.model(*args, **kwargs)
        except Exception as error:
            raise _explained(error, self.model) from error
        if tape is not None:
            tape.rewind()
        return {path: average(values) for path, values in seen.items()}

    def _path(self, call: NormCall) -> str:
        """A norm is known by its buffer; statistics kept elsewhere by the module that calls."""
        path = self._owners.get(id(call.running_mean))
        return caller(self.noise.paths)[0] if path is None else path


class _Watch(TorchFunctionMode):
    """Hands norm calls and noise calls over, and lets all others pass."""

    def __init__(
        self, norm: Callable[[NormCall], Tensor], noise: NoiseCalls, tape: Tape | None
    ) -> None:
        super().__init__()
        self._norm = norm
        self._noise = noise
        self._tape = tape

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the call returns
        kwargs = kwargs or {}
        call = norm_call(func, args, kwargs)
        if call is not None:
            return self._norm(call)
        if makes_noise(func, args, kwargs):
            return self._noise(func, args, kwargs)
        if self._tape is not None and func in WEIGHT_CALLS and args:
            return self._tape(func, args, kwargs)
        return func(*args, **kwargs)


def same(one: Moments, other: Moments) -> bool:
    """Whether two statistics are equal to the last bit."""
    return torch.equal(one.mean, other.mean) and torch.equal(one.variance, other.variance)


def _buffer_owners(model: nn.Module) -> dict[int, str]:
    """Buffer id to the norm layer's path: its module, or the buffer's own path if not a norm's."""
    return {
        id(buffer): path.removesuffix("running_mean").removesuffix(".")
        for path, buffer in model.named_buffers()
    }


def _explained(error: Exception, model: nn.Module) -> CaptureError:
    path = where(error, paths_of(model)) or type(model).__name__
    return CaptureError(
        f"{path}: {error} (give an example of the shape and type the model takes, without the "
        "batch axis for a shape)"
    )
