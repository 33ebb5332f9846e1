"""Dropout and norm layers of a torch model in modes of their own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from normdrop.errors import UsageError
from normdrop.torch._switches import NormMode, Switches, kept_modes
from normdrop.torch.recalibrate import _statistics as statistics
from normdrop.torch.stream import unwrapped


@contextmanager
def modes(
    model: nn.Module, *, dropout: bool | None = None, norm: NormMode | None = None
) -> Iterator[None]:
    """Set modes inside a `with` statement; see `normdrop.modes`."""
    if norm not in {None, "running", "batch"}:
        raise UsageError(f"norm={norm!r}: 'running', 'batch' or None")
    inner = unwrapped(model)
    switches = Switches(inner)
    with ExitStack() as stack:
        stack.enter_context(kept_modes(inner))
        if dropout is not None:
            switches.set_dropout(on=dropout)
        if norm is not None:
            switches.set_norms(norm)
        if norm == "batch":
            stack.enter_context(_learning_nothing(inner, switches))
        yield


@contextmanager
def _learning_nothing(model: nn.Module, switches: Switches) -> Iterator[None]:
    """Batches leave no trace in running statistics: momentum is 0 inside, buffers are put back."""
    norms = [model.get_submodule(path) for path in switches.norms]
    momenta = [(norm, norm.momentum) for norm in norms if isinstance(norm, _NormBase)]
    put_back = statistics.snapshot(model, statistics.buffers(model, switches.norms))
    for norm, _ in momenta:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in momenta:
            norm.momentum = momentum
        put_back()
