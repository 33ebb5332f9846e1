"""The running statistics of a model: read, written in place, put back."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import torch
from torch import Tensor, nn

from normdrop.shifts.stream import Stored

Buffers: TypeAlias = Mapping[str, tuple[Tensor, Tensor]]
"""Norm layer path to its running mean and variance themselves."""


def buffers(model: nn.Module, paths: Iterable[str]) -> dict[str, tuple[Tensor, Tensor]]:
    """The running statistics that modules of these paths hold."""
    modules = {path: model.get_submodule(path) for path in paths}
    return {
        path: (module.get_buffer("running_mean"), module.get_buffer("running_var"))
        for path, module in modules.items()
    }


def write(buffers: Buffers, statistics: Mapping[str, Stored]) -> None:
    """Set running statistics in place."""
    with torch.no_grad():
        for path, stored in statistics.items():
            mean, variance = buffers[path]
            mean.copy_(torch.from_numpy(stored.mean))
            variance.copy_(torch.from_numpy(stored.variance))


def count(model: nn.Module, batches: Mapping[str, int]) -> None:
    """Set how many batches the statistics of each layer rest on, where the layer counts them."""
    with torch.no_grad():
        for path, number in batches.items():
            counter = _counter(model, path)
            if counter is not None:
                counter.fill_(number)


def snapshot(model: nn.Module, buffers: Buffers) -> Callable[[], None]:
    """What puts the statistics and counters of these layers back."""
    tensors = [tensor for pair in buffers.values() for tensor in pair]
    tensors += [c for path in buffers if (c := _counter(model, path)) is not None]
    values = [tensor.detach().clone() for tensor in tensors]

    def put_back() -> None:
        with torch.no_grad():
            for tensor, value in zip(tensors, values, strict=True):
                tensor.copy_(value)

    return put_back


def _counter(model: nn.Module, path: str) -> Tensor | None:
    try:
        return model.get_submodule(path)._buffers.get("num_batches_tracked")  # noqa: SLF001
    except AttributeError:  # statistics in a buffer of another name: the path is the buffer's
        return None
