"""A framework in pure numpy (dense, dropout, batch norm), and its door, at the end.

`normdrop.verbs.register("toy_framework", "toy_framework:_Door")` lets the verbs take its models.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from normdrop.errors import CaptureError
from normdrop.shifts import graph
from normdrop.shifts.expected import Both, Place, Statistics
from normdrop.shifts.stream import Arguments, Batch, Batches, NormMode, Pass, Record, Stored
from normdrop.verbs import Model, ModelPasses

Array = np.ndarray
MOMENTUM, EPS = 0.1, 1e-5


@dataclass
class Dense:
    """A linear map, weight (in, out)."""

    weight: Array


@dataclass
class Dropout:
    """Drops units in training, scaling what is kept."""

    rate: float


@dataclass
class BatchNorm:
    """Normalises by the batch in training, of which it learns, and else by what it has learned."""

    mean: Array
    variance: Array

    def by(self, x: Array, mean: Array, variance: Array) -> Array:
        """The output with these statistics."""
        return np.asarray((x - mean) / np.sqrt(variance + EPS))

    def by_batch(self, x: Array) -> Array:
        """The output by its own statistics."""
        return self.by(x, x.mean(0), x.var(0))

    def __call__(self, _: str, x: Array, *, training: bool) -> Array:
        """The output, statistics updated in training."""
        if not training:
            return self.by(x, self.mean, self.variance)
        self.mean = self.mean + MOMENTUM * (x.mean(0) - self.mean)
        self.variance = self.variance + MOMENTUM * (x.var(0) - self.variance)
        return self.by_batch(x)


NormHook = Callable[[str, BatchNorm, Array], Array]


@dataclass
class Network:
    """Layers one after another; each call draws the noise of its seed."""

    layers: list[Dense | Dropout | BatchNorm]

    def get_config(self) -> dict[str, object]:
        """How it is made."""
        return {"layers": self.layers}

    def __call__(
        self,
        x: Array,
        *,
        training: bool = False,
        seed: int = 0,
        silent: str = "",
        norm: NormHook | None = None,
    ) -> Array:
        """The outputs; `norm` answers for the norm layers, and the layer `silent` drops nothing."""
        for path, layer in zip(map(str, range(len(self.layers))), self.layers, strict=True):
            if isinstance(layer, Dense):
                x = x @ layer.weight
            elif isinstance(layer, BatchNorm):
                x = layer(path, x, training=training) if norm is None else norm(path, layer, x)
            elif training and path != silent:
                kept = np.random.default_rng((seed, int(path))).random(x.shape) >= layer.rate
                x = x * kept / (1 - layer.rate)
        return x

    def norms(self) -> dict[str, BatchNorm]:
        """The norm layers by their paths."""
        return {str(i): each for i, each in enumerate(self.layers) if isinstance(each, BatchNorm)}


# What follows is the door.


class _Statistics:
    frozen: frozenset[str] = frozenset()

    def __init__(self, network: Network) -> None:
        self._norms = network.norms()

    @property
    def stored(self) -> dict[str, Stored]:
        return {path: Stored(+norm.mean, +norm.variance) for path, norm in self._norms.items()}

    def write(self, statistics: Mapping[str, Stored]) -> None:
        for path, one in statistics.items():
            self._norms[path].mean, self._norms[path].variance = +one.mean, +one.variance

    def count(self, batches: Mapping[str, int]) -> None:
        """Nothing counts them."""

    def snapshot(self) -> Callable[[], None]:
        before = self.stored
        return lambda: self.write(before)


class _Run:
    all_frozen = "every norm layer is named as frozen: there is nothing to re-estimate"
    several_processes = False

    def __init__(self, network: Network) -> None:
        self._network = network
        self.statistics = _Statistics(network)

    def record(self, norm: NormMode, frozen: frozenset[str] = frozenset()) -> Record[Any]:
        del norm
        record: Record[Any] = Record(np.stack)
        record.frozen |= frozen
        return record

    def run(
        self, batch: Batch, record: Record[Any], *, dropout: bool = False, norm: str = "running"
    ) -> Array:
        def seen(path: str, layer: BatchNorm, x: Array) -> Array:
            if path not in record.stored:
                record.begin(path, self.statistics.stored[path])
            record.add(path, len(x), np.stack([x.mean(0), x.var(0)]))
            by_batch = norm == "batch" and path not in record.frozen
            return layer.by_batch(x) if by_batch else layer.by(x, layer.mean, layer.variance)

        record.batch = batch.number
        (x,), _ = batch.arguments
        try:
            return self._network(x, training=dropout, seed=batch.number, norm=seen)
        except ValueError as error:
            raise CaptureError(f"batch {batch.number + 1}, Network: {error}") from error

    def together(self, run: Callable[[], Pass], channels: Mapping[str, int]) -> Pass:
        del channels
        return run()


class _Passes(ModelPasses):
    def __init__(self, network: Network) -> None:
        self._network = network
        self._outputs = np.zeros((0, 0))

    @property
    def stored(self) -> dict[str, Stored]:
        return _Statistics(self._network).stored

    @property
    def eps(self) -> dict[str, float]:
        return dict.fromkeys(self._network.norms(), EPS)

    @property
    def frozen(self) -> set[str]:
        return set()

    @property
    def noise_layers(self) -> list[str]:
        return [str(i) for i, each in enumerate(self._network.layers) if isinstance(each, Dropout)]

    def train(self, inputs: Arguments, seed: int, silent: str = "") -> dict[str, Statistics[Any]]:
        seen: dict[str, Statistics[Any]] = {}

        def norm(path: str, layer: BatchNorm, x: Array) -> Array:
            seen[path] = Statistics(x.mean(0), x.var(0))
            return layer.by_batch(x)

        self._network(inputs[0][0], training=True, seed=seed, silent=silent, norm=norm)
        return seen

    def evaluate(
        self, inputs: Arguments, statistics: Mapping[str, Statistics[Any]]
    ) -> dict[str, Statistics[Any]]:
        seen: dict[str, Statistics[Any]] = {}

        def norm(path: str, layer: BatchNorm, x: Array) -> Array:
            seen[path] = Statistics(x.mean(0), x.var(0))
            return layer.by(x, statistics[path].mean, statistics[path].variance)

        self._outputs = self._network(inputs[0][0], norm=norm)
        return seen

    def settled(
        self, inputs: Arguments, kept: Mapping[str, Statistics[Any]]
    ) -> dict[str, Statistics[Any]]:
        seen: dict[str, Statistics[Any]] = {}

        def norm(path: str, layer: BatchNorm, x: Array) -> Array:
            seen[path] = Statistics(x.mean(0), x.var(0))
            by = kept.get(path, seen[path])
            return layer.by(x, by.mean, by.variance)

        self._network(inputs[0][0], norm=norm)
        return seen

    def answers(
        self, inputs: Arguments, statistics: Mapping[str, Statistics[Any]]
    ) -> list[np.ndarray]:
        self.evaluate(inputs, statistics)
        return [self._outputs]

    def one_by_one(self, inputs: Arguments, seed: int) -> tuple[Both, dict[str, Both]]:
        def both(silent: str) -> Both:
            train = self.train(inputs, seed, silent)
            return Both(train, self.evaluate(inputs, train))

        return both(""), {path: both(path) for path in self.noise_layers}

    def without_gradients(self) -> AbstractContextManager[None]:
        return nullcontext()

    def first(self, inputs: Arguments, count: int) -> Arguments:
        return (inputs[0][0][:count],), {}


class _Inputs:
    positions = 1

    def __init__(self, shape: tuple[int, ...], seed: int) -> None:
        self._shape, self._random = shape, np.random.default_rng(seed)

    def draw(self, count: int, steepness: float = 1.0) -> Arguments:
        del steepness
        return (self._random.standard_normal((count, *self._shape)),), {}

    def near(self, count: int, part: int, parts: int) -> None:
        """Examples are shapes."""

    def channels(self, inputs: Arguments) -> tuple[int, ...]:
        return (inputs[0][0].shape[1],)

    def placed(self, inputs: Arguments, places: Sequence[Place]) -> Arguments:
        return (inputs[0][0] * places[0].scale + places[0].offset,), {}


class _Door(Model):
    """The door to `Network`; what it leaves out is refused in words."""

    name = "Network"
    unbiased = False
    suffixes = (".npz",)
    training: dict[str, bool] = {}  # noqa: RUF012 - layers have no mode of their own

    def __init__(self, model: Network) -> None:
        self.model = model

    @classmethod
    def of(cls, model: object) -> Self | None:
        return cls(model) if isinstance(model, Network) else None

    def ready(self) -> Self:
        return self

    def capture(self, example: Any) -> graph.Captured:  # noqa: ANN401 - a shape
        return graph.Captured(*(_graph(self.model, example, mode) for mode in graph.Mode))

    def reading(self, batches: object, **settings: Any) -> Batches:  # noqa: ANN401 - see `Model`
        del settings["device"]
        return Batches(batches, lambda n, x: Batch(n, ((x,), {}), None, len(x)), **settings)

    def inputs(self, example: Any, seed: int) -> _Inputs:  # noqa: ANN401 - a shape
        return _Inputs(tuple(example), seed)

    @contextmanager
    def untouched(self, *, gradients: bool = False) -> Iterator[None]:
        del gradients
        put_back = self.statistics().snapshot()
        yield
        put_back()

    @contextmanager
    def watched(self, *, noise: bool = False, frozen: bool = False) -> Iterator[_Run]:
        del noise, frozen
        with self.untouched():
            yield _Run(self.model)

    def passes(self, seed: int | None = None) -> _Passes:
        del seed
        return _Passes(self.model)

    def statistics(self) -> _Statistics:
        return _Statistics(self.model)

    def has_learned_statistics(self) -> bool:
        return any(bool((one.variance != 1).any()) for one in self.statistics().stored.values())

    def memory(self, paths: Iterable[str]) -> dict[str, float]:
        return dict.fromkeys(paths, MOMENTUM / (2 - MOMENTUM))


def _graph(network: Network, example: tuple[int, ...], mode: graph.Mode) -> graph.Graph:
    shape = (4, *example)
    nodes = [graph.Node(0, graph.Kind.INPUT, "input", (), shape, "float64")]
    for index, layer in enumerate(network.layers):
        kind, details, parameters = _described(layer, training=mode is graph.Mode.TRAIN)
        shape = (4, layer.weight.shape[1]) if isinstance(layer, Dense) else shape
        path, word = str(index), type(layer).__name__
        held = {
            role: graph.Parameter(f"{path}.{role}", values.shape, "float64", values.copy)
            for role, values in parameters.items()
        }
        node = graph.Node(index + 1, kind, word.lower(), (index,), shape, "float64", path)
        nodes.append(replace(node, channel_axis=1, details=details, parameters=held))
    return graph.Graph(
        tuple(nodes), inputs=(0,), outputs=(len(nodes) - 1,), mode=mode, batch_size=4
    )


def _described(
    layer: Dense | Dropout | BatchNorm, *, training: bool
) -> tuple[graph.Kind, graph.Details, dict[str, Array]]:
    if isinstance(layer, Dense):
        return graph.Kind.WEIGHT, graph.Weight("linear"), {"weight": layer.weight.T}
    if isinstance(layer, Dropout):
        keep, active = 1 - layer.rate, training and layer.rate > 0
        kind, along = graph.Distribution.BERNOULLI, graph.Along.ELEMENT
        noise = graph.Noise(kind, along, active=active, rate=layer.rate, scale=1 / keep)
        return graph.Kind.NOISE, noise, {}
    modes = (True, training, training)
    norm = graph.Norm("batch", *modes, axes=(0,), eps=EPS, momentum=MOMENTUM)
    running = {"running_mean": layer.mean, "running_var": layer.variance}
    return graph.Kind.NORM, norm, running
