"""Losses and accuracy of a network that is left as it was found."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional

from normdrop.lab.examples import Examples

_EVAL_BATCH = 500  # a larger one leaves the processor's cache, a smaller one pays more per call


@torch.inference_mode()
def eval_mode_loss(network: nn.Module, examples: Examples) -> tuple[float, float]:
    """The mean loss per example (nats) and the accuracy, in eval mode."""
    with _mode(network, training=False):
        return _loss_and_accuracy(network, examples, _EVAL_BATCH)


@torch.inference_mode()
def train_mode_loss(network: nn.Module, examples: Examples, batch_size: int, seed: int) -> float:
    """The mean loss per example (nats) in train mode: dropout on, each batch's own statistics.

    The running statistics and the random state are put back, so that looking changes nothing.
    """
    devices = [examples.targets.device] if examples.targets.is_cuda else []
    with torch.random.fork_rng(devices), _mode(network, training=True), _same_buffers(network):
        torch.manual_seed(seed)
        return _loss_and_accuracy(network, examples, batch_size)[0]


def _loss_and_accuracy(network: nn.Module, examples: Examples, size: int) -> tuple[float, float]:
    device = examples.targets.device
    loss = torch.zeros((), dtype=torch.float64, device=device)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    for inputs, targets in examples.batches(size):
        outputs = network(inputs)
        loss += functional.cross_entropy(outputs.float(), targets, reduction="sum")
        correct += (outputs.argmax(1) == targets).sum()
    return loss.item() / len(examples), correct.item() / len(examples)


@contextmanager
def _mode(network: nn.Module, *, training: bool) -> Iterator[None]:
    """Train or eval mode inside, the mode it had afterwards."""
    before = network.training
    network.train(training)
    try:
        yield
    finally:
        network.train(before)


@contextmanager
def _same_buffers(network: nn.Module) -> Iterator[None]:
    """The network's buffers are afterwards what they were before."""
    before = [buffer.clone() for buffer in network.buffers()]
    try:
        yield
    finally:
        for buffer, value in zip(network.buffers(), before, strict=True):
            buffer.copy_(value)
