"""Train one trial: a trial and its data in, its outcome out."""

import math
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from normdrop.errors import RecipeError
from normdrop.lab.data import Dataset
from normdrop.lab.evaluate import eval_mode_loss, train_mode_loss
from normdrop.lab.examples import Examples
from normdrop.lab.networks import initialise
from normdrop.lab.recipe import find
from normdrop.lab.settings import TrainingSettings
from normdrop.lab.trial import Epoch, Outcome, Status, Trial

Progress: TypeAlias = Callable[[float], None]

_IMAGE_WEIGHT = 4  # the axes of a 2-d convolution's weight


def train(trial: Trial, dataset: Dataset, progress: Progress = lambda _: None) -> Outcome:
    """Train the network the trial describes and measure it after every epoch.

    The same trial gives the same outcome, on a CPU with one thread bit for bit (the seconds aside).
    Trials of one seed share initial weights where shapes agree, and the order of the batches. The
    global random state is left as it was.

    Args:
        trial: What to train.
        dataset: The data set the trial names.
        progress: Called after every batch with the epochs done so far, fractions included.

    Returns:
        The outcome: `finished`; `diverged`, with the epochs before a batch's loss was not finite;
        or `failed`, with the exception a network raised as its message.
    """
    start = time.perf_counter()
    epochs: list[Epoch] = []
    status: Status = "finished"
    message = ""
    device = torch.device(trial.device)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        try:
            _fit(trial, dataset, device, progress, epochs.append)
        except _Diverged as error:
            status, message = "diverged", str(error)
        except Exception as error:  # noqa: BLE001 - whatever a network raises is its outcome
            status, message = "failed", f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - start
    return Outcome(trial, status, tuple(epochs), seconds, message, versions())


def versions() -> dict[str, str]:
    """The versions of what decides a trial's result."""
    packages = {name: version(name) for name in ("normdrop", "torch", "numpy")}
    return {"python": platform.python_version(), **packages}


class _Diverged(ArithmeticError):  # noqa: N818 - an event of training, not a mistake
    """A loss that is not finite."""


def _fit(
    trial: Trial,
    dataset: Dataset,
    device: torch.device,
    progress: Progress,
    report: Callable[[Epoch], None],
) -> None:
    """Train epoch after epoch and report what each left behind."""
    settings = TrainingSettings.of(trial.settings)
    training = Examples.of(dataset.train, device, settings.limit_train)
    test = Examples.of(dataset.test, device)
    # As many training examples as there are test examples: the gap between train and eval mode is
    # then as precise as the test loss, and measuring it takes a small part of an epoch.
    measured = training.first(len(test))
    network = _network(trial, dataset, device)
    optimizer = torch.optim.Adam(
        network.parameters(),
        lr=settings.learning_rate,
        eps=1e-7,  # Keras' default; torch's is 1e-8
        fused=True,  # one pass over the weights instead of a dozen
    )
    order = torch.Generator().manual_seed(trial.seed)
    cast = torch.autocast(device.type, torch.bfloat16, enabled=trial.precision == "bf16")
    torch.manual_seed(trial.seed)
    for number in range(1, settings.epochs + 1):
        start = time.perf_counter()
        batches = training.shuffled_batches(settings.batch_size, order)
        steps = math.ceil(len(training) / settings.batch_size)
        for done, loss in enumerate(_steps(network, optimizer, batches, cast), start=1):
            if not math.isfinite(loss):
                raise _Diverged(f"the loss of batch {done} of epoch {number} was {loss}")
            progress(number - 1 + done / steps)
        with cast:
            train_loss = train_mode_loss(network, measured, settings.batch_size, trial.seed)
            train_eval_loss, _ = eval_mode_loss(network, measured)
            test_loss, accuracy = eval_mode_loss(network, test)
        seconds = time.perf_counter() - start
        report(Epoch(number, train_loss, train_eval_loss, test_loss, accuracy, seconds))


def _network(trial: Trial, dataset: Dataset, device: torch.device) -> nn.Module:
    """The trial's network with its initial weights."""
    if dataset.classes is None:
        raise RecipeError(f"{dataset.name} has no classes to tell apart")
    recipe = find(trial.recipe)
    network = recipe.network(trial.variant, dataset.shape, dataset.classes, trial.settings)
    initialise(network, trial.seed)
    for parameter in network.parameters():
        if parameter.ndim == _IMAGE_WEIGHT:
            # a processor's convolutions and poolings want the channels side by side
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network.to(device)


def _steps(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Iterable[tuple[Tensor, Tensor]],
    cast: torch.autocast,
) -> Iterator[float]:
    """One step of the optimizer per batch; yield each batch's loss."""
    network.train()
    for inputs, targets in batches:
        with cast:
            loss = functional.cross_entropy(network(inputs), targets)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        yield loss.item()
