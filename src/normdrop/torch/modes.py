"""Dropout and norm layers of a torch model in modes of their own."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.overrides import TorchFunctionMode

from normdrop.shifts.stream import NormMode
from normdrop.torch._running import RunningStatistics
from normdrop.torch.watch import NormCall, Switches, kept_modes, norm_call


@contextmanager
def modes(model: nn.Module, *, dropout: bool | None, norm: NormMode | None) -> Iterator[None]:
    """Set modes inside a `with` statement; see `normdrop.modes`."""
    switches = Switches(model)
    with ExitStack() as stack:
        stack.enter_context(kept_modes(model))
        if switches.mixed and (dropout is not None or norm is not None):
            stack.enter_context(_Apart(model, switches, norm))
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


class _Apart(TorchFunctionMode):
    """Norm calls of modules that also make noise, whose one mode cannot be two.

    Their mode is dropout's; what their norm calls go by is decided call by call.
    """

    def __init__(self, model: nn.Module, switches: Switches, norm: NormMode | None) -> None:
        super().__init__()
        mixed = {path: model.get_submodule(path) for path in switches.mixed}
        frozen = switches.frozen
        self._from_batch = {
            id(module.get_buffer("running_mean")): (
                module.training if norm is None else norm == "batch" and path not in frozen
            )
            for path, module in mixed.items()
        }

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the call returns
        kwargs = kwargs or {}
        call = norm_call(func, args, kwargs)
        from_batch = None if call is None else self._from_batch.get(id(call.running_mean))
        if call is None or from_batch is None:
            return func(*args, **kwargs)
        return _by(call, from_batch=from_batch)


def _by(call: NormCall, *, from_batch: bool) -> Tensor:
    return call.by_batch() if from_batch else call.by(call.stored())
