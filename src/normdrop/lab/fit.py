"""The training loop: a network and its examples in, one `Epoch` after another out."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from normdrop.lab.evaluate import eval_mode_loss, train_mode_loss
from normdrop.lab.examples import Examples, pad_crop_flip
from normdrop.lab.settings import TrainingSettings
from normdrop.lab.task import Task
from normdrop.lab.trial import Epoch

Progress: TypeAlias = Callable[[float], None]


class Diverged(ArithmeticError):  # noqa: N818 - an event of training, not a mistake
    """A loss that is not finite."""


@dataclass(frozen=True)
class TrainingLoop:
    """How one network is trained.

    `seed` is that of the order of the batches, of the augmentation and of the dropout masks.
    """

    task: Task
    training: Examples
    test: Examples
    settings: TrainingSettings
    seed: int
    precision: Literal["fp32", "bf16"] = "fp32"

    @property
    def cast(self) -> torch.autocast:
        """The precision as a context."""
        device = self.training.targets.device.type
        return torch.autocast(device, torch.bfloat16, enabled=self.precision == "bf16")

    def epochs(self, network: nn.Module, progress: Progress = lambda _: None) -> Iterator[Epoch]:
        """Train the network in place; yield what every epoch left behind.

        Sets torch's global seed and draws from it: fork it around the call.

        Args:
            network: With its initial weights, on the device of the examples.
            progress: Called after every batch with the epochs done so far, fractions included.

        Raises:
            Diverged: When a batch's loss is not finite.
        """
        optimizer = optimizer_of(network.parameters(), self.settings)
        order = torch.Generator().manual_seed(self.seed)
        steps = self.training.batch_count(self.settings.batch_size)
        torch.manual_seed(self.seed)
        for number in range(1, self.settings.epochs + 1):
            start = time.perf_counter()
            for group in optimizer.param_groups:
                group["lr"] = self.settings.learning_rate_at(number)
            losses = self._steps(network, optimizer, self._batches(order))
            for done, loss in enumerate(losses, start=1):
                if not math.isfinite(loss):
                    message = f"the loss of batch {done} of epoch {number} was {loss}"
                    raise Diverged(message)
                progress(number - 1 + done / steps)
            yield self._measured(network, number, start)

    def _batches(self, order: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        for inputs, targets in self.training.shuffled_batches(self.settings.batch_size, order):
            yield pad_crop_flip(inputs, order) if self.settings.augment else inputs, targets

    def _steps(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        batches: Iterable[tuple[Tensor, Tensor]],
    ) -> Iterator[float]:
        """One step of the optimizer per batch; yield each batch's loss."""
        network.train()
        for inputs, targets in batches:
            with self.cast:
                loss = self.task.loss(network(inputs), inputs, targets, "mean")
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            yield loss.item()

    def _measured(self, network: nn.Module, number: int, start: float) -> Epoch:
        # As many training examples as there are test examples: the gap between train and eval mode
        # is then as precise as the test loss, and measuring it takes a small part of an epoch.
        measured = self.training.first(len(self.test))
        size = self.settings.batch_size
        with self.cast:
            train_loss = train_mode_loss(network, measured, self.task, size, self.seed)
            train_eval_loss, _ = eval_mode_loss(network, measured, self.task)
            test_loss, accuracy = eval_mode_loss(network, self.test, self.task)
        seconds = time.perf_counter() - start
        return Epoch(number, train_loss, train_eval_loss, test_loss, accuracy, seconds)


def optimizer_of(weights: Iterable[Tensor], settings: TrainingSettings) -> torch.optim.Optimizer:
    """The optimizer of the settings for these weights."""
    # fused: one pass over the weights instead of a dozen
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            weights,
            lr=settings.learning_rate,
            momentum=0.9,
            weight_decay=settings.weight_decay,
            fused=True,
        )
    return torch.optim.Adam(
        weights,
        lr=settings.learning_rate,
        eps=1e-7,  # Keras' default; torch's is 1e-8
        weight_decay=settings.weight_decay,
        fused=True,
    )
