"""What one training step costs: its time, and the bytes it keeps for the way back."""

import random
import time
from collections.abc import Sequence
from statistics import median

import torch
from torch import Tensor, nn

from normdrop.lab.task import Task

Batch = tuple[Tensor, Tensor]


def median_step_seconds(
    networks: Sequence[nn.Module], task: Task, batch: Batch, *, rounds: int
) -> list[float]:
    """The median time of a training step (forward, backward, SGD) of each network.

    Their steps take turns, so that whatever else slows the machine slows all of them, and in a new
    order in every round, because a step finds the caches as the step before it left them. On a
    processor it is the time the process computes, which others do not add to; on a GPU it is the
    wall clock's, up to the end of the step.

    Args:
        networks: On the device of the batch; they are trained.
        task: What for.
        batch: Inputs and targets.
        rounds: How many steps of each are timed; as many as a tenth of them before do not count.
    """
    steps = [_TimedStep(network, task, batch) for network in networks]
    seconds: list[list[float]] = [[] for _ in steps]
    turns = list(zip(steps, seconds, strict=True))
    orders = random.Random(0)  # noqa: S311 - an order, no secret
    for done in range(-max(1, rounds // 10), rounds):
        orders.shuffle(turns)
        for step, kept in turns:
            start = _now(batch)
            step()
            if done >= 0:
                kept.append(_now(batch) - start)
    return [median(kept) for kept in seconds]


class _TimedStep:
    def __init__(self, network: nn.Module, task: Task, batch: Batch) -> None:
        self._network, self._task, self._batch = network.train(), task, batch
        self._optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)

    def __call__(self) -> None:
        inputs, targets = self._batch
        loss = self._task.loss(self._network(inputs), inputs, targets, "mean")
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        self._optimizer.step()


def _now(batch: Batch) -> float:
    if batch[0].is_cuda:
        torch.cuda.synchronize(batch[0].device)
        return time.perf_counter()
    return time.process_time()


def bytes_kept(network: nn.Module, task: Task, batch: Batch) -> int:
    """How many bytes the forward pass in train mode keeps for the backward pass.

    Each storage that autograd saves counts once and as a whole, however many tensors are views of
    it; what is there anyway does not count: the batch, the network's parameters and buffers.
    """
    inputs, targets = batch
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage  # held, so that its address stays its own
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = task.loss(network.train()(inputs), inputs, targets, "mean")
    for there in (inputs, targets, *network.parameters(), *network.buffers()):
        kept.pop(there.untyped_storage().data_ptr(), None)
    del loss
    return sum(storage.nbytes() for storage in kept.values())
