"""The door to Keras: all that the verbs ask of a `keras.Model`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import keras

from normdrop.errors import UsageError
from normdrop.shifts.stream import Arguments, Batches, NormFacts, NormMode, Pass, Progress
from normdrop.values.example import Input

if TYPE_CHECKING:
    from normdrop.keras._running import RunningStatistics
    from normdrop.keras._synthetic import SyntheticInputs
    from normdrop.keras.rewrite import Editing
    from normdrop.keras.stream import WatchedRun
    from normdrop.keras.watch import Passes
    from normdrop.lint.rules import Rule
    from normdrop.shifts.graph import Captured


class KerasModel:
    """A `keras.Model`; see `normdrop.verbs.Model`, whose words these methods are.

    What a method takes is imported in it, so that a verb loads no more than it needs.
    """

    unbiased = False
    suffixes: tuple[str, ...] = (".keras", ".weights.h5")

    def __init__(self, model: keras.Model) -> None:
        self.model = model

    @classmethod
    def of(cls, model: object) -> Self | None:
        """The door to a model."""
        return cls(model) if isinstance(model, keras.Model) else None

    @property
    def name(self) -> str:
        """The name that Keras gives it."""
        return str(self.model.name)

    @property
    def training(self) -> dict[str, bool]:
        """Keras' layers have no mode of their own."""
        return {}

    @property
    def untrained(self) -> frozenset[str]:
        """A layer of Keras that is not trainable learns no statistics either."""
        return frozenset()

    @property
    def overruled(self) -> frozenset[str]:
        """Layers of graphs, at any depth, that were called with `training=True`."""
        from normdrop.keras.capture import overruled

        return overruled(self.model)

    def ready(self) -> Self:
        """Refuse a model with layers that are not built."""
        from normdrop.keras.capture import check_built

        check_built(self.model)
        return self

    def unwrapped(self) -> Self:
        """Keras has no wrappers."""
        return self.ready()

    def capture(self, example: object) -> "Captured":
        """The calls it makes."""
        from normdrop.keras.capture import capture

        return capture(self.model, example)

    def declared_example(self) -> Any:  # noqa: ANN401 - nested like the model's inputs
        """What the inputs of a Sequential or Functional model say."""
        return declared_inputs(self.model)

    def example_of(self, arguments: Arguments) -> object:
        """A model's one argument, which may hold several inputs."""
        args, kwargs = arguments
        return None if kwargs or len(args) != 1 else args[0]

    def batches_of(self, data: Any) -> Any:  # noqa: ANN401 - whatever a user has
        """Whole arrays cut into batches."""
        from normdrop.keras.stream import as_batches

        return as_batches(data)

    def metric_of(self, metric: object) -> object:
        """By the names that a compiled model has for metrics."""
        from normdrop.keras._metric import metric_of

        return metric_of(self.model, metric)

    def reading(
        self,
        batches: object,
        *,
        limit: int | None = None,
        device: object = None,
        progress: Progress | None = None,
    ) -> Batches:
        """Batches as the backend's tensors."""
        from normdrop.keras.stream import reading

        return reading(batches, self.model, limit=limit, device=device, progress=progress)

    def inputs(self, example: object, seed: int) -> "SyntheticInputs":
        """Pink noise."""
        from normdrop.keras._synthetic import SyntheticInputs

        return SyntheticInputs(example, seed, self.model)

    def untouched(self, *, gradients: bool = False) -> AbstractContextManager[None]:
        """State and random states are put back; backward passes leave none in a Keras model."""
        from normdrop.keras.watch import untouched

        del gradients
        return untouched(self.model)

    @contextmanager
    def watched(self, *, noise: bool = False, frozen: bool = False) -> Iterator["WatchedRun"]:
        """Batches run without gradients."""
        from normdrop.keras._backend import backend
        from normdrop.keras.stream import WatchedRun

        with (
            self.untouched(),
            backend().without_gradients(),
            WatchedRun(self.model, noise=noise, frozen=frozen) as run,
        ):
            yield run

    @property
    def several_processes(self) -> bool:
        """Keras models run in one process."""
        return False

    def together(self, run: Callable[[], Pass], channels: Mapping[str, int]) -> Pass:
        """The pass of the one process."""
        del channels
        return run()

    def passes(self, seed: int | None = None) -> "Passes":
        """Passes; all noise is that of known layers."""
        from normdrop.keras.watch import Passes

        del seed
        return Passes(self.model)

    def switched(
        self, *, dropout: bool | None, norm: NormMode | None
    ) -> AbstractContextManager[None]:
        """Calls of layers answered otherwise."""
        from normdrop.keras.modes import modes

        return modes(self.model, dropout=dropout, norm=norm)

    def statistics(self) -> "RunningStatistics":
        """Of every `BatchNormalization`."""
        from normdrop.keras._running import RunningStatistics

        return RunningStatistics(self.model)

    def has_learned_statistics(self) -> bool:
        """Whether any moving variance differs from 1."""
        from normdrop.keras._running import has_learned_statistics

        return has_learned_statistics(self.model)

    def initial_share(self) -> float:
        """By the batches that the optimizer has counted."""
        from normdrop.keras._running import initial_share

        return initial_share(self.model)

    def norm_facts(self) -> dict[str, NormFacts]:
        """By momentum, `trainable`, weights and the optimizer of a compiled model."""
        from normdrop.keras._running import norm_facts

        return norm_facts(self.model)

    def memory(self, paths: Iterable[str]) -> dict[str, float]:
        """By momentum."""
        from normdrop.keras._running import memory

        del paths
        return memory(self.model)

    def copied(self) -> keras.Model:
        """Rebuilt from its configuration; a subclassed model has none that tells its calls."""
        from normdrop.keras.rewrite import copied
        from normdrop.keras.watch import own_seeds

        if not isinstance(self.model, keras.Sequential) and not hasattr(self.model, "operations"):
            raise UsageError(
                f"{self.name} is a subclassed model, which cannot be copied: use check, measure "
                "and recalibrate, which work on it as it is"
            )
        with own_seeds():
            return copied(self.model)[0]

    def editing(
        self,
        example: object,
        rules: "Sequence[Rule]",
        *,
        remove_bias: bool,
        in_place: bool,
        share_weights: bool,
    ) -> "AbstractContextManager[Editing]":
        """Changes of a copy."""
        from normdrop.keras.rewrite import editing

        if in_place:
            raise UsageError(
                "fix: the graph of a Keras model cannot be changed in place: take Fix.model, which "
                "is a copy, or with share_weights=True made of the model's own layers"
            )
        return editing(
            self.model, example, rules, remove_bias=remove_bias, share_weights=share_weights
        )

    def load_weights(self, path: Path) -> None:
        """A `.weights.h5` or a `.keras` file."""
        from normdrop.keras.files import load_weights

        load_weights(self.model, path)

    def save(self, path: Path) -> Path:
        """A `.keras` or a `.weights.h5` file."""
        from normdrop.keras.files import save

        return save(self.model, path)


def declared_inputs(model: keras.Model) -> Any:  # noqa: ANN401 - nested like the model's inputs
    """An example for a model whose inputs are declared, as Sequential and Functional models' are.

    Returns:
        `normdrop.Input` in the place of each input; None for a model that declares none, or leaves
        an axis open besides that of the batch.

    >>> declared_inputs(keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)]))
    Input(shape=(8,), dtype='float32')
    """
    try:
        given = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    except (AttributeError, ValueError):
        return None
    tensors = keras.tree.flatten(given)
    if not tensors or any(None in tensor.shape[1:] for tensor in tensors):
        return None
    return keras.tree.map_structure(
        lambda tensor: Input(tuple(tensor.shape[1:]), str(tensor.dtype)), given
    )
