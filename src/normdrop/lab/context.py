"""What a recipe's own code is handed: a trial with its examples, and a network once trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from normdrop.errors import RecipeError
from normdrop.lab.data import Dataset
from normdrop.lab.examples import Examples, Scale
from normdrop.lab.fit import Progress, TrainingLoop
from normdrop.lab.networks import initialise
from normdrop.lab.settings import TrainingSettings
from normdrop.lab.task import Task
from normdrop.lab.trial import Epoch, Setting, Trial

_IMAGE_WEIGHT = 4  # the axes of a 2-d convolution's weight


@dataclass(frozen=True)
class TrialContext:
    """One trial at work: its settings, its examples and how to train on them.

    Attributes:
        trial: Which trial.
        task: What its networks are trained for.
        dataset: Its data; `None` for a recipe that makes its own inputs.
        progress: To be called now and then with the epochs done so far.
    """

    trial: Trial
    task: Task
    dataset: Dataset | None
    progress: Progress = lambda _: None

    @property
    def variant(self) -> str:
        """The trial's variant."""
        return self.trial.variant

    @property
    def seed(self) -> int:
        """The trial's seed."""
        return self.trial.seed

    @property
    def settings(self) -> Mapping[str, Setting]:
        """The trial's settings."""
        return self.trial.settings

    @cached_property
    def device(self) -> torch.device:
        """Where the trial is to run."""
        return torch.device(self.trial.device)

    @property
    def data(self) -> Dataset:
        """The data set.

        Raises:
            RecipeError: When the trial has none.
        """
        if self.dataset is None:
            raise RecipeError(f"recipe {self.trial.recipe} makes its own inputs: it has no data")
        return self.dataset

    @property
    def outputs(self) -> int:
        """How many outputs a network needs: one per class, or one value."""
        return self.data.classes or 1

    @cached_property
    def training_settings(self) -> TrainingSettings:
        """The settings every training has."""
        return TrainingSettings.of(self.settings)

    @cached_property
    def target_scale(self) -> Scale | None:
        """The scale of the training targets of a regression; networks learn them standardised."""
        if self.data.task == "classification":
            return None
        return Scale.of(self._stored_training.targets)

    @cached_property
    def _input_scale(self) -> Scale | None:
        standardise = self.training_settings.standardise
        return Scale.of(self._stored_training.inputs) if standardise else None

    @cached_property
    def _stored_training(self) -> Examples:
        return Examples.of(self.data.train, self.device, self.training_settings.limit_train)

    @cached_property
    def training(self) -> Examples:
        """The training examples, standardised where the settings ask for it."""
        return self._stored_training.scaled(self._input_scale, self.target_scale)

    @cached_property
    def test(self) -> Examples:
        """The test examples, on the scales of the training examples."""
        limit = self.training_settings.limit_test
        stored = Examples.of(self.data.test, self.device, limit)
        return stored.scaled(self._input_scale, self.target_scale)

    def fit(self, *, seed: int | None = None) -> TrainingLoop:
        """How the trial trains a network; `seed` in place of the trial's own."""
        return TrainingLoop(
            task=self.task,
            training=self.training,
            test=self.test,
            settings=self.training_settings,
            seed=self.seed if seed is None else seed,
            precision=self.trial.precision,
        )

    def prepared(self, network: nn.Module, *, seed: int | None = None) -> nn.Module:
        """A network with the initial weights of the seed, on the trial's device."""
        seed = self.seed if seed is None else seed
        initialise(network, seed, self.training_settings.initialisation)
        for parameter in network.parameters():
            if parameter.ndim == _IMAGE_WEIGHT:
                # a processor's convolutions and poolings want the channels side by side
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        return network.to(self.device)


@dataclass(frozen=True)
class Trained:
    """A network that a trial has trained.

    Attributes:
        bench: The trial, its settings and examples.
        network: The network; a measure may change it, nobody uses it afterwards.
        epochs: What every epoch left behind.
    """

    # Own measures read it by this name, and by their code their trials are found again.
    bench: TrialContext
    network: nn.Module
    epochs: tuple[Epoch, ...]
