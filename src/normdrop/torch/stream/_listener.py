"""What reaches every norm layer, seen at little cost."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.overrides import TorchFunctionMode

from normdrop.torch._channel_moments import channel_moments
from normdrop.torch._norm_call import NormCall, norm_call
from normdrop.torch._owners import caller, paths_of

Answer: TypeAlias = Callable[[str, NormCall], Tensor]
"""Takes a norm layer's path and its call and gives the output."""

_PLAIN = (_BatchNorm.forward, nn.SyncBatchNorm.forward)


class Listener:
    """Answers every norm call with running statistics in the norm layer's place.

    A first pass watches every torch call (`TorchFunctionMode`), so that a norm written as
    `functional.batch_norm` or hidden in a module of its own is met, too. That costs some
    microseconds a call. Where the first pass met torch's own norm modules alone, later ones answer
    in those modules' `forward` and the rest of the model runs undisturbed.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._paths = paths_of(model)
        self._owners = {
            id(buffer): name.removesuffix("running_mean").removesuffix(".")
            for name, buffer in model.named_buffers()
        }
        self._plain = {path: m for path, m in model.named_modules() if _is_plain(m)}
        self._all_plain: bool | None = None

    @property
    def only_modules(self) -> bool:
        """Whether torch's own norm modules made all the norm calls met so far."""
        return bool(self._all_plain)

    @contextmanager
    def __call__(self, answer: Answer) -> Iterator[None]:
        """Answer norm calls inside."""
        if self._all_plain:
            with self._in_modules(answer):
                yield
            return
        met: set[str] = set()

        def noted(call: NormCall) -> Tensor:
            path = self._path(call)
            met.add(path)
            return answer(path, call)

        with _Watch(noted):
            yield
        if self._all_plain is None:
            self._all_plain = met <= self._plain.keys()

    @contextmanager
    def _in_modules(self, answer: Answer) -> Iterator[None]:
        for path, module in self._plain.items():
            module.__dict__["forward"] = _forward(path, module, answer)
        try:
            yield
        finally:
            for module in self._plain.values():
                del module.__dict__["forward"]

    def _path(self, call: NormCall) -> str:
        """A norm is known by its buffer; statistics kept elsewhere by the module that calls."""
        path = self._owners.get(id(call.running_mean))
        return caller(self._paths)[0] if path is None else path


class _Watch(TorchFunctionMode):
    """Hands norm calls over and lets all others pass."""

    def __init__(self, norm: Callable[[NormCall], Tensor]) -> None:
        super().__init__()
        self._norm = norm

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the call returns
        kwargs = kwargs or {}
        call = norm_call(func, args, kwargs)
        return func(*args, **kwargs) if call is None else self._norm(call)


def by_running(call: NormCall) -> Tensor:
    """The output in eval mode; a norm that always goes by its batch does so, updating nothing."""
    if call.from_batch:
        return call.by_batch()
    return functional.batch_norm(
        call.x, call.running_mean, call.running_variance, call.weight, call.bias, eps=call.eps
    )


def by_batch(call: NormCall, mean: Tensor, variance: Tensor) -> Tensor:
    """The output in train mode, its batch's statistics known; the running ones are not touched."""
    if call.per_instance:
        return call.by_batch()
    mean, variance = mean.to(call.running_mean.dtype), variance.to(call.running_variance.dtype)
    return functional.batch_norm(call.x, mean, variance, call.weight, call.bias, eps=call.eps)


def moments(call: NormCall) -> tuple[Tensor, Tensor]:
    """Mean and biased variance per channel of what reached the norm."""
    if call.per_instance:
        found = call.moments()
        return found.mean, found.variance
    return channel_moments(call.x)


def _is_plain(module: nn.Module) -> bool:
    """Whether a module is torch's own norm with running statistics, its forward nobody's else."""
    return (
        isinstance(module, _NormBase)
        and type(module).forward in _PLAIN
        and "forward" not in module.__dict__
        and module.running_mean is not None
        and module.running_var is not None
    )


def _forward(path: str, module: nn.Module, answer: Answer) -> Callable[[Tensor], Tensor]:
    def forward(input: Tensor) -> Tensor:  # noqa: A002 - torch's name for it
        module._check_input_dim(input)  # type: ignore[operator] # noqa: SLF001 - as its forward does
        call = NormCall(
            input,
            module._buffers["running_mean"],  # type: ignore[arg-type] # noqa: SLF001 - not None
            module._buffers["running_var"],  # type: ignore[arg-type] # noqa: SLF001 - not None
            module._parameters["weight"],  # noqa: SLF001 - faster than an attribute
            module._parameters["bias"],  # noqa: SLF001 - same
            module.training,
            module.eps,  # type: ignore[arg-type] # a float
            per_instance=False,
        )
        return answer(path, call)

    return forward
