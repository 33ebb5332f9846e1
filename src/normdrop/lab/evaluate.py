"""Loss and accuracy of a network that is left as it was found."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from normdrop.lab.examples import Examples
from normdrop.lab.task import Task
from normdrop.torch.watch import kept_modes

_EVAL_BATCH = 500  # a larger one leaves the processor's cache, a smaller one pays more per call


@torch.inference_mode()
def eval_mode_loss(
    network: nn.Module, examples: Examples, task: Task
) -> tuple[float, float | None]:
    """The mean loss per example, and the accuracy where the task has one, in eval mode."""
    with kept_modes(network):
        network.eval()
        return _loss_and_accuracy(network, examples, task, _EVAL_BATCH)


@torch.inference_mode()
def train_mode_loss(
    network: nn.Module, examples: Examples, task: Task, batch_size: int, seed: int
) -> float:
    """The mean loss per example in train mode: dropout on, each batch's own statistics.

    The running statistics and the random state are put back, so that looking changes nothing.
    """
    devices = [examples.targets.device] if examples.targets.is_cuda else []
    with torch.random.fork_rng(devices), kept_modes(network), _same_buffers(network):
        network.train()
        torch.manual_seed(seed)
        return _loss_and_accuracy(network, examples, task, batch_size)[0]


def _loss_and_accuracy(
    network: nn.Module, examples: Examples, task: Task, size: int
) -> tuple[float, float | None]:
    device = examples.targets.device
    loss = torch.zeros((), dtype=torch.float64, device=device)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    for inputs, targets in examples.batches(size):
        outputs = network(inputs)
        loss += task.loss(outputs, inputs, targets, "sum")
        if task.correct is not None:
            correct += task.correct(outputs, targets).sum()
    accuracy = None if task.correct is None else correct.item() / len(examples)
    return loss.item() / len(examples), accuracy


@contextmanager
def _same_buffers(network: nn.Module) -> Iterator[None]:
    """What a network holds beside its weights is afterwards what it was before.

    A Keras layer holds its running statistics as parameters that no gradient reaches.
    """
    fixed = [each for each in network.parameters() if not each.requires_grad]
    held = [(each, each.clone()) for each in (*network.buffers(), *fixed)]
    try:
        yield
    finally:
        for each, value in held:
            each.copy_(value)
