"""The door of each framework: all that the verbs ask of a model, and who answers for which."""

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from normdrop.errors import UsageError
from normdrop.shifts.expected import ForwardPasses, Place, Statistics
from normdrop.shifts.stream import (
    Arguments,
    Batch,
    Batches,
    NormFacts,
    NormMode,
    Pass,
    Progress,
    Record,
    Stored,
)

if TYPE_CHECKING:
    from normdrop.lint.rules import ModelMend, Rule
    from normdrop.mending.repairs import Editor
    from normdrop.shifts.graph import Captured


class RunningStatistics(Protocol):
    """What the norm layers of a model go by in eval mode, under the layers' paths.

    Attributes:
        stored: A copy of what every norm layer has stored.
        frozen: Norm layers that keep to it while the model trains, as far as known without a batch.
    """

    @property
    def stored(self) -> dict[str, Stored]: ...
    @property
    def frozen(self) -> frozenset[str]: ...

    def write(self, statistics: Mapping[str, Stored]) -> None:
        """Set running statistics in place.

        Raises:
            UsageError: A layer keeps its statistics where they cannot be written.
        """

    def count(self, batches: Mapping[str, int]) -> None:
        """Say how many batches the statistics of each layer rest on, where the layer counts."""

    def snapshot(self) -> Callable[[], None]:
        """What puts all of them back."""


class WatchedRun(Protocol):
    """Runs batches through a model whose norm calls are seen, recorded and answered.

    Attributes:
        statistics: Of the model; norm layers without a module of their own come with the batches.
        all_frozen: What to say where every norm layer is frozen.
    """

    @property
    def statistics(self) -> RunningStatistics: ...
    @property
    def all_frozen(self) -> str: ...
    def record(self, norm: NormMode, frozen: frozenset[str] = frozenset()) -> Record[Any]:
        """Begin to record what reaches the norm layers.

        Args:
            norm: What they go by meanwhile.
            frozen: Those that go by their running statistics all the same.
        """

    def run(
        self,
        batch: Batch,
        record: Record[Any],
        *,
        dropout: bool = False,
        norm: NormMode = "running",
    ) -> Any:  # noqa: ANN401 - whatever the model returns
        """The outputs of one batch, what reaches the norm layers recorded.

        Args:
            batch: Where noise is on it depends on nothing but the batch's number.
            record: As `record` gave it.
            dropout: Whether noise is on.
            norm: What norm layers go by.

        Raises:
            CaptureError: The model raised; the message names the batch and the layer.
        """


class ModelPasses(ForwardPasses[Arguments, Any], Protocol):
    """Forward passes of a model in train and in eval mode; its statistics are only read.

    Attributes:
        stored: Norm layer path to the running statistics the model holds; filled as norms are met.
        eps: Norm layer path to what it adds to the variance.
        frozen: Norm layers that keep to running statistics in train mode.
        noise_layers: Paths of the layers met so far that made noise and can be switched off.
    """

    @property
    def stored(self) -> Mapping[str, Statistics[Any]]: ...
    @property
    def eps(self) -> Mapping[str, float]: ...
    @property
    def frozen(self) -> set[str]: ...
    @property
    def noise_layers(self) -> Sequence[str]: ...

    def moved(
        self,
        inputs: Arguments,  # noqa: ARG002 - for who can
        steps: int,  # noqa: ARG002 - same
        placed: Callable[[Arguments], Arguments] = lambda inputs: inputs,  # noqa: ARG002 - same
    ) -> Arguments:
        """Inputs moved until train mode shows the stored statistics once they are placed.

        By Adam (Kingma and Ba 2015) at a rate that falls from `plan.RATE` to 0, against the sum of
        `divergences` at the norm layers whose statistics are not those of a new layer; in step n
        with the noise of seed `plan.OTHER_NOISE` + n.

        Raises:
            UsageError: No input is a floating-point one, or the framework has no gradients.
        """
        raise UsageError(
            'inversion takes gradients, which the framework does not have: pass method="simulate"'
        )

    def first(self, inputs: Arguments, count: int) -> Arguments:
        """The first examples of a batch."""


class Inputs(Protocol):
    """Made-up inputs of the shapes and types of an example; a seed's are always the same.

    Attributes:
        positions: How many positions (pixels, steps) the largest of them has per channel.
    """

    @property
    def positions(self) -> int: ...

    def draw(self, count: int, steepness: float = 1.0) -> Arguments:
        """A batch of `count`, as the arguments of one call of the model.

        Args:
            count: How many; fewer or more where the example's rows must be kept.
            steepness: The power of the frequency that amplitudes fall by along positions.

        Raises:
            UsageError: The example is nothing a model takes.
        """

    def near(self, count: int, part: int, parts: int) -> tuple[Arguments, Sequence[Place]] | None:
        """A batch of `count` around the values that an example has; None for one of shapes.

        Args:
            count: How many; values are repeated, and told apart by noise.
            part: Which part of the example's rows is taken.
            parts: Of how many.

        Returns:
            Inputs of mean 0 and variance 1 in each channel, and what places them.
        """

    def channels(self, inputs: Arguments) -> tuple[int, ...]:
        """How many channels every floating-point input has, in order."""

    def placed(self, inputs: Arguments, places: Sequence[Place]) -> Arguments:
        """Floating-point inputs, each channel scaled and moved; differentiable.

        Args:
            inputs: The arguments of one call of the model.
            places: One for each floating-point input, in order.
        """


class Editing(Protocol):
    """A model under repair, and what comes out.

    Attributes:
        editor: How it is looked at and changed.
        leave: What is not done, so that the findings it would mend are left.
    """

    @property
    def editor(self) -> "Editor": ...
    @property
    def leave(self) -> "frozenset[ModelMend]": ...

    def result(self) -> Any:  # noqa: ANN401 - the framework's
        """The mended model."""


class Model(Protocol):
    """A model of any framework: read, run and watched, its statistics, its gradients, its edits.

    torch and Keras implement it on their own floor, without importing it. A class that derives from
    it needs no methods for what it cannot do: that is refused in words.

    Errors that the model's own code raises come as `CaptureError`, in one line that names the
    layer; what is nothing a model takes is a `UsageError`.

    Attributes:
        model: The framework's own model.
        name: What to call it.
        training: Path of every layer that has a mode of its own to whether that is train mode.
        unbiased: Whether running variances are averages of unbiased ones.
        suffixes: What files of its weights may end in.
    """

    model: Any
    unbiased: bool
    suffixes: tuple[str, ...]

    @property
    def name(self) -> str: ...
    @property
    def training(self) -> dict[str, bool]: ...

    @property
    def untrained(self) -> frozenset[str]:
        """Norm layers that learn statistics while no training changes their parameters."""
        return frozenset()

    @property
    def overruled(self) -> frozenset[str]:
        """Layers called in train mode as the model was built, which its own mode overrules."""
        return frozenset()

    @classmethod
    def of(cls, model: object) -> Self | None:
        """The door to a model; None where it is none of this framework's."""

    def ready(self) -> Self:
        """The same, known to have all its weights.

        Raises:
            CaptureError: A layer is not built.
            UsageError: A weight has no values.
        """

    def unwrapped(self) -> Self:
        """The model inside what only changes where or how fast it runs, ready."""
        return self.ready()

    def capture(self, example: object) -> "Captured":
        """The calls it makes in both modes, as graphs; the model only is read."""

    def declared_example(self) -> object:
        """An example by what the model says of its inputs; None where it says nothing."""
        return None

    def example_of(self, arguments: Arguments) -> object:
        """An example by the arguments of a call; None where they cannot be told as one."""
        args, kwargs = arguments
        return kwargs or args

    def batches_of(self, data: Any) -> Any:  # noqa: ANN401 - whatever a user has
        """Batches, by what else users of the framework have; by default they are that."""
        return data

    def metric_of(self, metric: object) -> object:
        """A metric, by what else users of the framework call one.

        Raises:
            UsageError: There is none of that name.
        """
        return metric

    def reading(
        self,
        batches: object,
        *,
        limit: int | None = None,
        device: object = None,
        progress: Progress | None = None,
    ) -> Batches:
        """What reads a user's batches and puts them where the model is."""

    def inputs(self, example: object, seed: int) -> Inputs:
        """Made-up inputs."""

    def untouched(self, *, gradients: bool = False) -> AbstractContextManager[None]:
        """Inside anything may be run; the model and all random states are put back on leaving.

        Args:
            gradients: Whether there are backward passes inside.
        """

    def watched(
        self, *, noise: bool = False, frozen: bool = False
    ) -> AbstractContextManager[WatchedRun]:
        """Batches are run inside, by default in eval mode; the model is left untouched.

        Args:
            noise: Whether runs inside switch noise on.
            frozen: Whether it must be known which norm layers are frozen.
        """

    @property
    def several_processes(self) -> bool:
        """Whether other processes have batches of the same model; by default not."""
        return False

    def together(self, run: Callable[[], Pass], channels: Mapping[str, int]) -> Pass:
        """One pass, put together over all processes.

        Args:
            run: The pass of this process.
            channels: Norm layer path to its number of channels.
        """
        del channels
        return run()

    def passes(self, seed: int | None = None) -> ModelPasses:
        """Train and eval mode side by side, inside `untouched`.

        Args:
            seed: Of noise that comes from no known layer.
        """

    def switched(
        self,
        *,
        dropout: bool | None,  # noqa: ARG002 - for who can
        norm: NormMode | None,  # noqa: ARG002 - same
    ) -> AbstractContextManager[None]:
        """Modes set inside; see `normdrop.modes`."""
        raise _cannot("modes cannot be set for", self)

    def statistics(self) -> RunningStatistics:
        """Its running statistics."""

    def has_learned_statistics(self) -> bool:
        """Whether any running variance differs from that of a new layer."""

    def initial_share(self) -> float:
        """How much initial values still weigh in the running statistics; the median over layers.

        By default nothing, as where no batches are counted.
        """
        return 0.0

    def norm_facts(self) -> dict[str, NormFacts]:
        """Norm layer path to what the model says of it; by default nothing is known."""
        return {}

    def memory(self, paths: Iterable[str]) -> dict[str, float]:
        """Norm layer path to the variance of its running average over that of one batch."""

    def copied(self) -> Any:  # noqa: ANN401 - the framework's
        """Another model with weights of its own."""
        raise _cannot("doctor cannot copy", self)

    def editing(
        self,
        example: object,  # noqa: ARG002 - for who can
        rules: "Sequence[Rule]",  # noqa: ARG002 - same
        *,
        remove_bias: bool,  # noqa: ARG002 - same
        in_place: bool,  # noqa: ARG002 - same
        share_weights: bool,  # noqa: ARG002 - same
    ) -> AbstractContextManager[Editing]:
        """Changes are made inside; where anything raises they are taken back.

        Raises:
            UsageError: This model cannot be changed, or not so.
        """
        raise _cannot("fix cannot change", self)

    def load_weights(self, path: Path) -> None:
        """Load weights from a file, executing nothing of it."""
        raise _cannot(f"{path}: no files are read for", self)

    def save(self, path: Path) -> Path:
        """Write the model, or its weights, to a file, whole or not at all; where that is."""
        raise _cannot(f"{path}: no files are written for", self)


def _cannot(what: str, model: Model) -> UsageError:
    return UsageError(f"{what} models like {model.name}")


_DOORS = {"keras": "normdrop.keras.model:KerasModel", "torch": "normdrop.torch.model:TorchModel"}
"""Package that a model's class, or a base of it, is from to its door. On its torch backend a Keras
model is a torch module as well, so Keras is asked first."""


def register(package: str, door: str) -> None:
    """Let the verbs take models of one more framework.

    Args:
        package: Where the framework's base class is from.
        door: Dotted path of a module and the class in it that implements `Model`, with a colon
            between; imported when the first such model comes.

    Raises:
        UsageError: The package has another door already.
    """
    if _DOORS.setdefault(package, door) != door:
        raise UsageError(f"models of {package} go through {_DOORS[package]}, not {door}")


def opened(model: object, verb: str, **then: object) -> Model:
    """The door to a model; the frameworks of others are not imported.

    Args:
        model: What the user gave.
        verb: The verb it was given to.
        **then: The verb's next argument, by its name.

    Raises:
        UsageError: It is no model; the message names the verb, and tells where the next argument
            is one.
    """
    found = door(model)
    if found is None:
        for name, other in then.items():
            if door(other) is not None:
                raise UsageError(
                    f"{verb} takes the model first, then the {name}: they seem to be swapped"
                )
        if is_keras_2(model):
            raise UsageError(
                f"{verb}: {type(model).__name__} is a model of Keras 2 (tf_keras): make it with "
                "Keras 3, or pass --trust to the command line, which carries it over"
            )
        raise UsageError(
            f"{verb} takes a torch.nn.Module, not {type(model).__name__}: pass an instance of it"
        )
    return found


def door(model: object) -> Model | None:
    """The door to a model, or None for anything else."""
    return _found(model)[1]


def is_keras(model: object) -> bool:
    """Whether a model is Keras'."""
    return _found(model)[0] == "keras"


def is_keras_2(model: object) -> bool:
    """Whether a model is one of Keras 2, which lives on as `tf_keras`."""
    return any(
        base.__name__ == "Model" and base.__module__.startswith("tf_keras.")
        for base in type(model).__mro__
    )


def _found(model: object) -> tuple[str, Model | None]:
    """The package of a model's framework, and the door to the model; empty for anything else."""
    roots = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    for package, path in _DOORS.items():
        if package in roots:
            module, _, name = path.partition(":")
            kind: type[Model] = getattr(importlib.import_module(module), name)
            found = kind.of(model)
            if found is not None:
                return package, found
    return "", None


def example_of(framework: Model, example: object, verb: str, *, or_else: str = "") -> object:
    """The example given, or what the model says of its inputs.

    Raises:
        UsageError: There is neither; the message names the verb and tells what else it takes.
    """
    found = framework.declared_example() if example is None else example
    if found is None:
        raise UsageError(
            f"{verb} takes an example of what the model takes, which {framework.name} does not "
            f"say: pass a shape without the batch axis, such as (3, 32, 32){or_else}"
        )
    return found


def declared_example(model: object) -> object:
    """An example for a model that declares its inputs; None for one that does not."""
    found = door(model)
    return None if found is None else found.declared_example()
