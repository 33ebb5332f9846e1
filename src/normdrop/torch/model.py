"""The door to torch: all that the verbs ask of a `torch.nn.Module`."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import nn

from normdrop.errors import UsageError
from normdrop.shifts.stream import Arguments, Batches, NormFacts, NormMode, Pass, Progress

if TYPE_CHECKING:
    from normdrop.lint.rules import Rule
    from normdrop.shifts.graph import Captured
    from normdrop.torch._running import RunningStatistics
    from normdrop.torch._synthetic import SyntheticInputs
    from normdrop.torch.rewrite import Editing
    from normdrop.torch.stream import WatchedRun
    from normdrop.torch.watch import Passes


class TorchModel:
    """A `torch.nn.Module`; see `normdrop.verbs.Model`, whose words these methods are.

    What a method takes is imported in it, so that a verb loads no more than it needs.
    """

    unbiased = True
    suffixes: tuple[str, ...] = (".pt", ".safetensors")

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    @classmethod
    def of(cls, model: object) -> Self | None:
        """The door to a module."""
        return cls(model) if isinstance(model, nn.Module) else None

    @property
    def name(self) -> str:
        """Its class."""
        return type(self.model).__name__

    @property
    def training(self) -> dict[str, bool]:
        """The mode of every module."""
        return {path: module.training for path, module in self.model.named_modules()}

    @property
    def untrained(self) -> frozenset[str]:
        """Norm layers in train mode whose parameters are frozen, while others are not."""
        from normdrop.torch.watch import frozen_norms, has_statistics

        if not any(each.requires_grad for each in self.model.parameters()):
            return frozenset()
        found = {
            path
            for path, module in self.model.named_modules()
            if module.training
            and has_statistics(module)
            and any(True for _ in module.parameters())
            and not any(each.requires_grad for each in module.parameters())
        }
        return frozenset(found) - frozen_norms(self.model) if found else frozenset()

    @property
    def overruled(self) -> frozenset[str]:
        """A module's call overrules none."""
        return frozenset()

    def ready(self) -> Self:
        """Refuse a module on the `meta` device."""
        from normdrop.torch.watch import need_values

        need_values(self.model)
        return self

    def unwrapped(self) -> Self:
        """The module inside `torch.compile` and parallel wrappers."""
        from normdrop.torch.watch import unwrapped

        return type(self)(unwrapped(self.model))

    def capture(self, example: object) -> "Captured":
        """The calls it makes."""
        from normdrop.torch.capture import capture

        return capture(self.model, example)

    def declared_example(self) -> None:
        """Modules declare no inputs."""

    def example_of(self, arguments: Arguments) -> object:
        """Named arguments, or else positional ones."""
        args, kwargs = arguments
        return kwargs or args

    def batches_of(self, data: Any) -> Any:  # noqa: ANN401 - whatever a user has
        """An iterable of batches is all that there is."""
        return data

    def metric_of(self, metric: object) -> object:
        """A torch model has no metrics of its own."""
        return metric

    def reading(
        self,
        batches: object,
        *,
        limit: int | None = None,
        device: object = None,
        progress: Progress | None = None,
    ) -> Batches:
        """Batches as tensors where the model is, or on another device."""
        from normdrop.torch.stream import reading

        return reading(batches, self.model, limit=limit, device=device, progress=progress)

    def inputs(self, example: object, seed: int) -> "SyntheticInputs":
        """Pink noise."""
        from normdrop.torch._synthetic import SyntheticInputs
        from normdrop.torch.watch import device_of

        return SyntheticInputs(example, seed, device_of(self.model))

    def untouched(self, *, gradients: bool = False) -> AbstractContextManager[None]:
        """Modes, buffers, gradients, `requires_grad` and random state are put back."""
        from normdrop.torch.watch import untouched

        return untouched(self.model, gradients=gradients)

    @contextmanager
    def watched(self, *, noise: bool = False, frozen: bool = False) -> Iterator["WatchedRun"]:
        """Batches run without gradients."""
        from normdrop.torch.stream import WatchedRun

        with (
            self.untouched(),
            torch.no_grad(),
            WatchedRun(self.model, noise=noise, frozen=frozen) as run,
        ):
            yield run

    @property
    def several_processes(self) -> bool:
        """Whether this is one process of a distributed run."""
        from normdrop.torch.stream import several_processes

        return several_processes()

    def together(self, run: Callable[[], Pass], channels: Mapping[str, int]) -> Pass:
        """One pass over all processes of a distributed run."""
        from normdrop.torch.stream import over_all_processes

        return over_all_processes(run, channels)

    def passes(self, seed: int | None = None) -> "Passes":
        """Passes; a seed is that of the global generator."""
        from normdrop.torch.watch import Passes

        if seed is not None:
            torch.manual_seed(seed)
        return Passes(self.model)

    def switched(
        self, *, dropout: bool | None, norm: NormMode | None
    ) -> AbstractContextManager[None]:
        """Modes of modules."""
        from normdrop.torch.modes import modes

        return modes(self.model, dropout=dropout, norm=norm)

    def statistics(self) -> "RunningStatistics":
        """Buffers called running_mean and running_var."""
        from normdrop.torch._running import RunningStatistics

        return RunningStatistics(self.model)

    def has_learned_statistics(self) -> bool:
        """Whether any running variance differs from 1."""
        from normdrop.torch._running import has_learned_statistics

        return has_learned_statistics(self.model)

    def initial_share(self) -> float:
        """By the batches that norms have counted."""
        from normdrop.torch._running import initial_share

        return initial_share(self.model)

    def norm_facts(self) -> dict[str, NormFacts]:
        """By counters, modes, parameters, and whether a `swa_utils.AveragedModel` is around."""
        from normdrop.torch._running import norm_facts

        return norm_facts(self.model)

    def memory(self, paths: Iterable[str]) -> dict[str, float]:
        """By momentum."""
        from normdrop.torch._running import memory

        return memory(self.model, paths)

    def copied(self) -> nn.Module:
        """A deep copy."""
        return copy.deepcopy(self.model)

    def editing(
        self,
        example: object,
        rules: "Sequence[Rule]",
        *,
        remove_bias: bool,
        in_place: bool,
        share_weights: bool,
    ) -> "AbstractContextManager[Editing]":
        """Changes of a copy, or of the module itself."""
        from normdrop.torch.rewrite import editing, refuse_sealed

        del remove_bias  # works in every way
        if share_weights:
            raise UsageError(
                "fix: share_weights is for Keras models: in_place=True changes a torch model itself"
            )
        refuse_sealed(self.model)
        self.ready()
        return editing(self.model, example, rules, in_place=in_place)

    def load_weights(self, path: Path) -> None:
        """A state dict."""
        from normdrop.torch.weights import load_weights

        load_weights(self.model, path)

    def save(self, path: Path) -> Path:
        """A state dict."""
        from normdrop.torch.weights import save_weights

        return save_weights(self.model, path)
