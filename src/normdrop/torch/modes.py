"""Dropout and norm layers of a torch model in modes of their own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from normdrop.shifts.stream import NormMode
from normdrop.torch._running import RunningStatistics
from normdrop.torch.watch import CallWatch, NormCall, Switches, kept_modes


@contextmanager
def modes(model: nn.Module, *, dropout: bool | None, norm: NormMode | None) -> Iterator[None]:
    """Set modes inside a `with` statement; see `normdrop.modes`."""
    switches = Switches(model)
    with ExitStack() as stack:
        stack.enter_context(kept_modes(model))
        if switches.mixed and (dropout is not None or norm is not None):
            stack.enter_context(_apart(model, switches, norm))
        if dropout is not None:
            switches.set_dropout(on=dropout)
        if norm is not None:
            switches.set_norms(norm)
        if norm == "batch":
            stack.enter_context(_learning_nothing(model, switches))
        yield


@contextmanager
def _learning_nothing(model: nn.Module, switches: Switches) -> Iterator[None]:
    """Batches leave no trace in running statistics: momentum is 0 inside, buffers are put back."""
    norms = [model.get_submodule(path) for path in switches.norms]
    momenta = [(norm, norm.momentum) for norm in norms if isinstance(norm, _NormBase)]
    put_back = RunningStatistics(model).snapshot()
    for norm, _ in momenta:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in momenta:
            norm.momentum = momentum
        put_back()


def _apart(model: nn.Module, switches: Switches, norm: NormMode | None) -> CallWatch:
    """Norm calls of modules that also make noise, whose one mode cannot be two.

    Their mode is dropout's; what their norm calls go by is decided call by call.
    """
    mixed = {path: model.get_submodule(path) for path in switches.mixed}
    frozen = switches.frozen
    from_batch = {
        id(module.get_buffer("running_mean")): (
            module.training if norm is None else norm == "batch" and path not in frozen
        )
        for path, module in mixed.items()
    }

    def answer(call: NormCall) -> Tensor | None:
        by_batch = from_batch.get(id(call.running_mean))
        if by_batch is None:
            return None
        return call.by_batch() if by_batch else call.by(call.stored())

    return CallWatch(answer)
