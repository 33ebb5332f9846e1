"""Forward passes that see every norm layer's input and decide what it is normalised by."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from normdrop.errors import CaptureError, UsageError
from normdrop.shifts.expected import Both, average, divergences, is_initial, plan
from normdrop.shifts.stream import Arguments
from normdrop.torch.watch._calls import (
    CallWatch,
    Function,
    NormCall,
    TensorStatistics,
    caller,
    paths_of,
    where,
)
from normdrop.torch.watch._noise_calls import NoiseCalls, makes_noise

_WEIGHT_CALLS: frozenset[Function] = frozenset(
    {
        functional.linear,
        torch.conv1d,
        torch.conv2d,
        torch.conv3d,
        torch.conv_transpose1d,
        torch.conv_transpose2d,
        torch.conv_transpose3d,
    }
)
"""The calls worth keeping: they cost nearly all of a pass, and none of them changes its input."""
LayerStatistics = dict[str, TensorStatistics]
"""Norm layer path to statistics."""


class Replay:
    """Records the weight calls of a first pass; hands their outputs back until a pass departs.

    Passes that differ by one noise layer agree up to it. Only there does `depart` end the replay,
    or a call of another layer or shape, so a model whose calls change from pass to pass is run in
    full. Costs the outputs of the weight layers of one pass in memory.
    """

    def __init__(self) -> None:
        self._kept: list[tuple[tuple[object, ...], Tensor]] = []
        self._next = 0
        self._recording = True
        self._alike = False

    def rewind(self) -> None:
        """End a pass; the next one replays."""
        self._next = 0
        self._recording = False
        self._alike = True

    def depart(self) -> None:
        """From here on the pass is not the recorded one."""
        self._alike = False

    def __call__(
        self, function: Function, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Tensor:
        """The call's output, from the recorded pass if it is the same call."""
        x, *weights = args
        key = (function, x.shape, *(id(weight) for weight in weights[:1]))
        self._alike = self._alike and self._next < len(self._kept)
        if self._alike and self._kept[self._next][0] == key:
            self._next += 1
            return self._kept[self._next - 1][1].clone()  # in-place calls may follow
        self.depart()
        output: Tensor = function(*args, **kwargs)
        if self._recording:
            self._kept.append((key, output.clone()))
        return output


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
        self.stored: LayerStatistics = {}
        self.eps: dict[str, float] = {}
        self.frozen: set[str] = set()
        self.noise = NoiseCalls(model, paths_of(model))
        self._owners = _buffer_owners(model)
        self._probed = False
        self._outputs: object = None

    def train(
        self, inputs: Arguments, seed: int, silent: str | None = None, replay: Replay | None = None
    ) -> LayerStatistics:
        """Input statistics in train mode, one noise layer switched off if asked.

        One recorded by the same pass with every noise layer on saves what comes before that one.
        """
        self.model.train()
        if silent is not None and silent in self.noise.drawing:
            self.noise.layers[silent].training = False
            replay = None  # the layer makes no call that could end the replay
        self.noise.start(seed, silent, None if replay is None else replay.depart)
        seen = self._run(inputs, self._in_train, replay)
        self._probed = True
        return seen

    def evaluate(
        self,
        inputs: Arguments,
        statistics: Mapping[str, TensorStatistics],
        replayed: tuple[Replay, Mapping[str, TensorStatistics]] | None = None,
    ) -> LayerStatistics:
        """Input statistics in eval mode, norm layers that are not frozen going by `statistics`.

        One recorded with other statistics saves what comes before the first that differ.
        """
        self.model.eval()
        self.noise.start(0)
        replay, before = replayed or (None, statistics)

        def by(path: str, call: NormCall) -> Tensor:
            if call.from_batch:
                return call.by_batch()
            if replay is not None and not same_statistics(statistics[path], before[path]):
                replay.depart()
            return call.by((self.stored if path in self.frozen else statistics)[path])

        return self._run(inputs, by, replay)

    def settled(self, inputs: Arguments, kept: Mapping[str, TensorStatistics]) -> LayerStatistics:
        """Input statistics in eval mode, norm layers that are not kept going by these very ones."""
        self.model.eval()
        self.noise.start(0)

        def by(path: str, call: NormCall) -> Tensor:
            return call.by(kept[path]) if path in kept and not call.from_batch else call.by_batch()

        return self._run(inputs, by)

    def answers(
        self, inputs: Arguments, statistics: Mapping[str, TensorStatistics]
    ) -> list[np.ndarray]:
        """Every output of floating point in eval mode, channels last."""
        self.evaluate(inputs, statistics)
        return [
            leaf.detach().movedim(1, -1).double().cpu().numpy() for leaf in _outputs(self._outputs)
        ]

    def one_by_one(self, inputs: Arguments, seed: int) -> tuple[Both, dict[str, Both]]:
        """Both modes with all noise layers on, and without each of them, replayed where alike."""
        train_replay, eval_replay = Replay(), Replay()
        whole = self.train(inputs, seed, replay=train_replay)
        evaluated = self.evaluate(inputs, whole, (eval_replay, whole))
        without: dict[str, Both] = {}
        for layer in list(self.noise.layers):
            train = self.train(inputs, seed, layer, train_replay)
            without[layer] = Both(train, self.evaluate(inputs, train, (eval_replay, whole)))
        return Both(whole, evaluated), without

    @property
    def noise_layers(self) -> list[str]:
        """Paths of the layers met so far that made noise."""
        return list(self.noise.layers)

    def moved(
        self,
        inputs: Arguments,
        steps: int,
        placed: Callable[[Arguments], Arguments] = lambda inputs: inputs,
    ) -> Arguments:
        """Inputs moved until train mode shows the stored statistics.

        Raises:
            UsageError: No input is a floating-point one.
        """

        def distances(arguments: Arguments, step: int) -> list[Tensor]:
            seen = self.train(placed(arguments), seed=plan.OTHER_NOISE + step)
            return [
                divergences(one, self.stored[path], self.eps[path], Tensor.log).mean()
                for path, one in seen.items()
                if not is_initial(self.stored[path])
            ]

        self.model.requires_grad_(requires_grad=False)  # the inputs alone move
        return _descend(inputs, steps, distances)

    def first(self, inputs: Arguments, count: int) -> Arguments:
        """The first examples of a batch."""
        return _first(inputs, count)

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
        replay: Replay | None = None,
    ) -> LayerStatistics:
        seen: dict[str, list[TensorStatistics]] = {}

        def norm(call: NormCall) -> Tensor:
            path = self._path(call)
            self.eps[path] = call.eps
            if path not in self.stored:
                self.stored[path] = call.stored()
            seen.setdefault(path, []).append(call.moments())
            return normalise(path, call)

        def others(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever the call returns
            if makes_noise(function, args, kwargs):
                return self.noise(function, args, kwargs)
            if replay is not None and function in _WEIGHT_CALLS and args:
                return replay(function, args, kwargs)
            return function(*args, **kwargs)

        args, kwargs = inputs
        try:
            with CallWatch(norm, others):
                self._outputs = self.model(*args, **kwargs)
        except Exception as error:
            raise _explained(error, self.model) from error
        if replay is not None:
            replay.rewind()
        return {path: average(values) for path, values in seen.items()}

    def _path(self, call: NormCall) -> str:
        """A norm is known by its buffer; statistics kept elsewhere by the module that calls."""
        path = self._owners.get(id(call.running_mean))
        return caller(self.noise.paths)[0] if path is None else path


def same_statistics(one: TensorStatistics, other: TensorStatistics) -> bool:
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


def _descend(
    start: Arguments, steps: int, distances: Callable[[Arguments, int], list[Tensor]]
) -> Arguments:
    """The starting inputs moved against the gradient of the sum of some distances, by Adam.

    Args:
        start: The arguments of one call of the model; those of floating point move.
        steps: How many.
        distances: From the inputs and the number of the step; none where there is nothing to do.

    Raises:
        UsageError: No input is a floating-point one.
    """
    free = {id(x): x.float().requires_grad_() for x in _floats(start)}
    if not free:
        raise UsageError(
            "inversion moves floating-point inputs, and this model takes none: "
            'pass method="simulate", or measure on real data'
        )
    optimizer = torch.optim.Adam(free.values(), plan.RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps))
    with torch.enable_grad():
        for step in range(steps):
            found = distances(_replaced(start, free), step)
            if not found:
                break
            optimizer.zero_grad()
            torch.stack(found).sum().backward()  # type: ignore[no-untyped-call] # torch types it so
            optimizer.step()
            schedule.step()
    return _replaced(start, {key: x.detach() for key, x in free.items()})


def _first(arguments: Arguments, count: int) -> Arguments:
    """The first examples of a batch."""

    def rows(x: Any) -> Any:  # noqa: ANN401 - settings such as None pass through
        return x[:count] if isinstance(x, Tensor) else x

    args, kwargs = arguments
    return tuple(map(rows, args)), {name: rows(x) for name, x in kwargs.items()}


def _floats(arguments: Arguments) -> list[Tensor]:
    args, kwargs = arguments
    leaves = [*args, *kwargs.values()]
    return [x for x in leaves if isinstance(x, Tensor) and x.is_floating_point()]


def _outputs(found: object) -> list[Tensor]:
    """The tensors of floating point with a batch and another axis in what a model returns."""
    if isinstance(found, Tensor):
        return [found] if found.is_floating_point() and found.ndim > 1 else []
    if isinstance(found, Mapping):
        found = tuple(found.values())
    if isinstance(found, tuple | list):
        return [leaf for each in found for leaf in _outputs(each)]
    return []


def _replaced(arguments: Arguments, free: Mapping[int, Tensor]) -> Arguments:
    """The arguments with the optimised tensors in place of those they started from."""

    def leaf(x: Any) -> Any:  # noqa: ANN401 - settings such as None pass through
        return free[id(x)].to(x.dtype) if id(x) in free else x

    args, kwargs = arguments
    return tuple(map(leaf, args)), {name: leaf(x) for name, x in kwargs.items()}
