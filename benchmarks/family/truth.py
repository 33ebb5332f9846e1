"""The brute-force measurement that predictions are held against: slow, obvious, hook by hook."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@dataclass(frozen=True)
class Moments:
    """Mean and biased variance per channel at one norm layer's input, averaged over batches."""

    mean: Tensor
    variance: Tensor


@dataclass(frozen=True)
class Truth:
    """What train mode and eval mode really are at one norm layer."""

    train: Moments
    eval: Moments

    @property
    def shift(self) -> float:
        """The ratio of channel means."""
        return float(self.eval.variance.mean() / self.train.variance.mean())


def norms(model: nn.Module) -> dict[str, _BatchNorm]:
    """Every batch norm by its module path, in the model's order."""
    return {path: m for path, m in model.named_modules() if isinstance(m, _BatchNorm)}


def moments_of(x: Tensor) -> Moments:
    """Mean and biased variance over all axes but the channels'."""
    x = x.detach().double()
    axes = [axis for axis in range(x.ndim) if axis != 1]
    return Moments(x.mean(axes), x.var(axes, correction=0))


@contextmanager
def watching(model: nn.Module, see: Callable[[str, Tensor], None]) -> Iterator[None]:
    """Call `see(path, input)` at every norm layer."""

    def watch(path: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda _module, inputs: see(path, inputs[0])

    handles = [m.register_forward_pre_hook(watch(path)) for path, m in norms(model).items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def statistics(model: nn.Module, batches: Iterable[Tensor], *, train: bool) -> dict[str, Moments]:
    """Input moments of every norm layer in one mode, averaged over the batches.

    In train mode the running statistics move on, as they do for anyone.
    """
    seen: dict[str, list[Moments]] = {path: [] for path in norms(model)}
    model.train(train)
    with watching(model, lambda path, x: seen[path].append(moments_of(x))):
        for batch in batches:
            model(batch)
    return {path: _average(values) for path, values in seen.items()}


def install(model: nn.Module, values: dict[str, Moments]) -> None:
    """Make these the running statistics."""
    for path, norm in norms(model).items():
        if norm.running_mean is None or norm.running_var is None:
            raise TypeError(f"{path} keeps no running statistics")
        norm.running_mean.copy_(values[path].mean)
        norm.running_var.copy_(values[path].variance)


def brute_force(model: nn.Module, batches: list[Tensor]) -> dict[str, Truth]:
    """Train-mode passes over every batch, then eval mode with exactly those statistics."""
    train = statistics(model, batches, train=True)
    install(model, train)
    evaluated = statistics(model, batches, train=False)
    return {path: Truth(train[path], evaluated[path]) for path in train}


def _average(values: list[Moments]) -> Moments:
    return Moments(
        torch.stack([v.mean for v in values]).mean(0),
        torch.stack([v.variance for v in values]).mean(0),
    )
