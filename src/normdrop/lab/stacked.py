"""Train the seeds of one variant at once: their weights stacked, one pass for all of them.

A small network leaves most of a GPU idle. `torch.vmap` over stacked weights does the work of every
seed in each kernel. Each seed keeps its own initial weights, order of batches and dropout masks;
the masks are not those it has when it is trained alone.
"""

import copy
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from normdrop.lab.context import Trained, TrialContext
from normdrop.lab.data import Dataset
from normdrop.lab.examples import Examples, pad_crop_flip
from normdrop.lab.fit import Progress, optimizer_of
from normdrop.lab.recipe import Recipe
from normdrop.lab.train import broken_device, measures_of, network_of, recipe_of, train, versions
from normdrop.lab.trial import Epoch, Outcome, Trial

_EVAL_BATCH = 500  # as where one network is looked at: eval mode does not depend on it
State = Mapping[str, Tensor]


def train_stacked(
    trials: Sequence[Trial],
    dataset: Dataset | None,
    progress: Progress = lambda _: None,
    *,
    recipe: Recipe | None = None,
) -> Iterator[Outcome]:
    """The outcomes of trials that differ in nothing but their seed, trained together.

    A seed that diverges is an outcome of its own and does not disturb the others. What cannot be
    stacked is trained one after the other, each outcome yielded as it comes: a recipe with an
    experiment of its own, and networks that raise under `torch.vmap`, whose outcomes say why.

    Args are those of `train`, but for the trials, one per seed.
    """
    why = ""
    if len(trials) > 1:
        try:
            chosen = recipe_of(trials[0], recipe)
            if chosen.experiment is None:
                yield from _stacked(chosen, trials, dataset, progress)
                return
        except broken_device():
            raise
        except Exception as error:  # noqa: BLE001 - training it alone says what is wrong with it
            reason = str(error).strip().partition("\n")[0]
            why = f"trained one seed after the other: {type(error).__name__}: {reason}"
    for trial in trials:
        outcome = train(trial, dataset, progress, recipe=recipe)
        yield replace(outcome, message=outcome.message or why)


def _stacked(
    recipe: Recipe, trials: Sequence[Trial], dataset: Dataset | None, progress: Progress
) -> list[Outcome]:
    device = torch.device(trials[0].device)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        return _Stack(recipe, trials, dataset, progress).outcomes()


class _Stack:
    """The networks of all seeds, as one network and stacked weights and buffers."""

    def __init__(
        self,
        recipe: Recipe,
        trials: Sequence[Trial],
        dataset: Dataset | None,
        progress: Progress,
    ) -> None:
        self._recipe, self._trials, self._progress = recipe, trials, progress
        self._contexts = [TrialContext(trial, recipe.task, dataset, progress) for trial in trials]
        self._context = self._contexts[0]
        networks = [network_of(recipe, context) for context in self._contexts]
        self._base = copy.deepcopy(networks[0])
        parameters, buffers = stack_module_state(networks)
        self._parameters: dict[str, Tensor] = parameters
        self._buffers: dict[str, Tensor] = buffers
        self._fit = self._context.fit()

    def outcomes(self) -> list[Outcome]:
        start = time.perf_counter()
        epochs: list[list[Epoch]] = [[] for _ in self._trials]
        bad: Mapping[int, str] = {}
        with warnings.catch_warnings():
            # Global pooling takes a view that vmap makes seed by seed: too small to cost much.
            warnings.filterwarnings("ignore", "There is a performance drop.*as_strided_")
            for measured, bad in self._epochs():
                for seed, (kept, epoch) in enumerate(zip(epochs, measured, strict=True)):
                    if seed not in bad:
                        kept.append(epoch)
        # Every seed's share of what they took together.
        seconds = (time.perf_counter() - start) / len(self._trials)
        return [self._outcome(i, epochs[i], bad.get(i, ""), seconds) for i in range(len(epochs))]

    def _outcome(self, index: int, epochs: list[Epoch], bad: str, seconds: float) -> Outcome:
        trial = self._trials[index]
        if bad:
            return Outcome(trial, "diverged", tuple(epochs), seconds, bad, versions())
        start = time.perf_counter()
        try:
            taken = Trained(self._contexts[index], self._unstacked(index), tuple(epochs))
            measures = measures_of(self._recipe, taken)
        except broken_device():
            raise
        except Exception as error:  # noqa: BLE001 - whatever a measure raises is its outcome
            message = f"{type(error).__name__}: {error}"
            return Outcome(trial, "failed", tuple(epochs), seconds, message, versions())
        seconds += time.perf_counter() - start
        return Outcome(trial, "finished", tuple(epochs), seconds, "", versions(), measures)

    def _unstacked(self, index: int) -> nn.Module:
        """One seed's network, by itself, in train mode as training leaves it."""
        network = copy.deepcopy(self._base).train()
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                parameter.copy_(self._parameters[name][index])
            for name, buffer in network.named_buffers():
                buffer.copy_(self._buffers[name][index])
        return network

    def _epochs(self) -> Iterator[tuple[list[Epoch], Mapping[int, str]]]:
        """Each epoch's numbers for every seed, and the seeds that have diverged by then."""
        settings, device = self._fit.settings, self._context.device
        optimizer = optimizer_of(self._parameters.values(), settings)
        orders = [torch.Generator().manual_seed(trial.seed) for trial in self._trials]
        steps = self._fit.training.batch_count(settings.batch_size)
        torch.manual_seed(self._trials[0].seed)
        bad: dict[int, str] = {}
        for number in range(1, settings.epochs + 1):
            start = time.perf_counter()
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate_at(number)
            # On the device: asking after every batch would wait for it.
            first_bad = torch.full((len(orders),), steps, device=device)
            for done, losses in enumerate(self._steps(optimizer, orders)):
                here = torch.where(losses.isfinite(), steps, done)
                first_bad = torch.minimum(first_bad, here)
                self._progress(number - 1 + (done + 1) / steps)
            for index, batch in enumerate(first_bad.tolist()):
                if batch < steps and index not in bad:
                    bad[index] = f"the loss of batch {batch + 1} of epoch {number} was not finite"
            yield self._measured(number, start), bad
            if len(bad) == len(orders):
                return

    def _steps(
        self, optimizer: torch.optim.Optimizer, orders: Sequence[torch.Generator]
    ) -> Iterator[Tensor]:
        """One step for all seeds per batch; yield their losses."""
        self._base.train()
        for inputs, targets in self._batches(orders):
            with self._fit.cast:
                losses = self._vmapped(self._mean_loss)(inputs, targets)
            optimizer.zero_grad()
            torch.autograd.backward(losses.sum())  # a seed's loss knows no other seed's weights
            optimizer.step()
            yield losses.detach()

    def _batches(self, orders: Sequence[torch.Generator]) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of shape (seeds, batch, ...), each seed's in its own order."""
        settings = self._fit.settings
        shuffled = [
            self._fit.training.shuffled_batches(settings.batch_size, order) for order in orders
        ]
        for batches in zip(*shuffled, strict=True):
            inputs = [inputs for inputs, _ in batches]
            if settings.augment:
                pairs = zip(inputs, orders, strict=True)
                inputs = [pad_crop_flip(images, order) for images, order in pairs]
            yield torch.stack(inputs), torch.stack([targets for _, targets in batches])

    def _measured(self, number: int, start: float) -> list[Epoch]:
        measured = self._fit.training.first(len(self._fit.test))
        size = self._fit.settings.batch_size
        with self._fit.cast, torch.no_grad():
            train, _ = self._passed(measured, size, training=True)
            train_eval, _ = self._passed(measured, _EVAL_BATCH, training=False)
            test, right = self._passed(self._fit.test, _EVAL_BATCH, training=False)
        losses = torch.stack([train, train_eval, test]).tolist()
        seeds = len(self._trials)
        accuracy = [None] * seeds if right is None else right.tolist()
        seconds = (time.perf_counter() - start) / seeds
        return [
            Epoch(number, in_train, in_eval, on_test, correct, seconds)
            for in_train, in_eval, on_test, correct in zip(*losses, accuracy, strict=True)
        ]

    def _passed(
        self, examples: Examples, size: int, *, training: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Loss and accuracy of each seed in either mode; in train mode the buffers are put back."""
        self._base.train(training)
        before = (
            {name: buffer.clone() for name, buffer in self._buffers.items()} if training else {}
        )
        seeds, device = len(self._trials), self._context.device
        loss = torch.zeros(seeds, dtype=torch.float64, device=device)
        correct = torch.zeros(seeds, dtype=torch.int64, device=device)
        with torch.random.fork_rng([device] if device.type == "cuda" else [], enabled=training):
            if training:
                torch.manual_seed(self._trials[0].seed)
            for inputs, targets in examples.batches(size):
                shared = inputs.expand(seeds, *inputs.shape), targets.expand(seeds, *targets.shape)
                sums, right = self._vmapped(self._sums)(*shared)
                loss += sums
                correct += right
        for name, value in before.items():
            self._buffers[name].copy_(value)
        accuracy = None if self._fit.task.correct is None else correct.double() / len(examples)
        return loss / len(examples), accuracy

    def _vmapped(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of one seed's weights, buffers, inputs and targets, for all seeds."""
        mapped = torch.vmap(function, randomness="different")
        return lambda *batch: mapped(self._parameters, self._buffers, *batch)

    def _mean_loss(
        self, parameters: State, buffers: State, inputs: Tensor, targets: Tensor
    ) -> Tensor:
        outputs = functional_call(self._base, ({**parameters}, {**buffers}), (inputs,))
        return self._fit.task.loss(outputs, inputs, targets, "mean")

    def _sums(
        self, parameters: State, buffers: State, inputs: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor]:
        outputs = functional_call(self._base, ({**parameters}, {**buffers}), (inputs,))
        loss = self._fit.task.loss(outputs, inputs, targets, "sum").double()
        if self._fit.task.correct is None:
            return loss, torch.zeros_like(loss, dtype=torch.int64)
        return loss, self._fit.task.correct(outputs, targets).sum()
