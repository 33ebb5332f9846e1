"""Torch calls as a model makes them: norm calls understood, whose they are, and who watches.

Which module is running is read off the stack, so that no hook is ever registered.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FrameType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from normdrop.shifts import expected
from normdrop.torch.watch._channel_moments import channel_moments

Function: TypeAlias = Callable[..., Any]
Paths: TypeAlias = Mapping[int, str]
"""Module id to its path in the model; the model itself is `""`."""


class TensorStatistics(expected.Statistics[Tensor]):
    """Mean and biased variance per channel, float64, shape (channels,) each."""

    def numbers(self) -> expected.Statistics[np.ndarray]:
        """The same in numpy arrays, from whatever device."""
        return expected.Statistics(self.mean.cpu().numpy(), self.variance.cpu().numpy())


class NormCall(NamedTuple):
    """A batch or instance norm call that carries running statistics.

    A tuple, because one is made for every call of a norm layer, and a dataclass takes longer.

    Attributes:
        x: The input, (batch, channels, ...).
        running_mean: The running mean's own buffer, which tells whose call this is.
        running_variance: The running variance's own buffer.
        weight: γ, or `None`.
        bias: β, or `None`.
        from_batch: Whether the call normalises by its input's own statistics.
        eps: What is added to the variance.
        per_instance: Whether each sample has its own statistics.
    """

    x: Tensor
    running_mean: Tensor
    running_variance: Tensor
    weight: Tensor | None
    bias: Tensor | None
    from_batch: bool
    eps: float
    per_instance: bool

    def moments(self) -> TensorStatistics:
        """The input's statistics as this norm takes them, variance biased; differentiable."""
        if not self.per_instance:
            mean, variance = channel_moments(self.x)
            return TensorStatistics(mean.double(), variance.double())
        axes = list(range(2, self.x.ndim))
        variance, mean = torch.var_mean(self.x.float(), axes, correction=0)
        return TensorStatistics(mean.double().mean(0), variance.double().mean(0))

    def stored(self) -> TensorStatistics:
        """A copy of the running statistics, the variance as it is stored: unbiased."""
        return TensorStatistics(
            self.running_mean.detach().double().clone(),
            self.running_variance.detach().double().clone(),
        )

    def by_batch(self) -> Tensor:
        """The output in train mode; the running statistics are not touched."""
        if self.per_instance:
            return functional.instance_norm(
                self.x, None, None, self.weight, self.bias, eps=self.eps
            )
        return functional.batch_norm(
            self.x, None, None, self.weight, self.bias, training=True, eps=self.eps
        )

    def by(self, moments: TensorStatistics) -> Tensor:
        """The output in eval mode with these statistics."""
        mean = moments.mean.to(self.running_mean)
        variance = moments.variance.to(self.running_variance)
        return functional.batch_norm(self.x, mean, variance, self.weight, self.bias, eps=self.eps)


def norm_call(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> NormCall | None:
    """The call as a `NormCall`, or `None` for any other call or one without running statistics."""
    names = _SIGNATURES.get(function)
    if names is None:
        return None
    given = dict(zip(names, args, strict=False)) | dict(kwargs)
    if given.get("running_mean") is None or given.get("running_var") is None:
        return None
    per_instance = "instance" in function.__name__
    from_batch = given.get("use_input_stats", True) if per_instance else given.get("training")
    return NormCall(
        given["input"],
        given["running_mean"],
        given["running_var"],
        given.get("weight"),
        given.get("bias"),
        bool(from_batch),
        float(given.get("eps", 1e-5)),
        per_instance,
    )


_AFFINE = ("weight", "bias")
_RUNNING = ("running_mean", "running_var")
_SIGNATURES: dict[Callable[..., Any], tuple[str, ...]] = {
    functional.batch_norm: ("input", *_RUNNING, *_AFFINE, "training", "momentum", "eps"),
    torch.batch_norm: ("input", *_AFFINE, *_RUNNING, "training", "momentum", "eps"),
    functional.instance_norm: ("input", *_RUNNING, *_AFFINE, "use_input_stats", "momentum", "eps"),
    torch.instance_norm: ("input", *_AFFINE, *_RUNNING, "use_input_stats", "momentum", "eps"),
}


class CallWatch(TorchFunctionMode):
    """Hands over the calls made inside, however they are written.

    Args:
        norm: From a norm call to its output; None lets it pass.
        others: From any other call, its arguments and keywords, to its output; by default they
            pass.
    """

    def __init__(
        self,
        norm: Callable[[NormCall], Tensor | None],
        others: Callable[[Function, tuple[Any, ...], dict[str, Any]], Any] | None = None,
    ) -> None:
        super().__init__()
        self._norm = norm
        self._others = others

    def __torch_function__(
        self,
        func: Function,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the call returns
        kwargs = kwargs or {}
        call = norm_call(func, args, kwargs)
        if call is not None:
            answer = self._norm(call)
            return func(*args, **kwargs) if answer is None else answer
        if self._others is not None:
            return self._others(func, args, kwargs)
        return func(*args, **kwargs)


def paths_of(model: nn.Module) -> Paths:
    """The path of every module, by the module's id."""
    return {id(module): path for path, module in model.named_modules()}


def caller(paths: Paths) -> tuple[str, int]:
    """Path of the innermost running module of the model, and the line it has reached."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the documented way to a stack
    while frame is not None:
        path = _path(frame, paths)
        if path is not None:
            return path, frame.f_lineno
        frame = frame.f_back
    return "", 0


def outside(call: NormCall, paths: Paths) -> nn.Module | None:
    """The running module that holds a norm call's statistics and is no part of the model."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the documented way to a stack
    while frame is not None:
        names = frame.f_code.co_varnames
        owner = frame.f_locals.get(names[0]) if names and frame.f_code.co_argcount else None
        hidden = isinstance(owner, nn.Module) and id(owner) not in paths
        if hidden and any(each is call.running_mean for each in owner._buffers.values()):  # type: ignore[union-attr] # noqa: SLF001 - its own
            return owner
        frame = frame.f_back
    return None


def where(error: BaseException, paths: Paths) -> str:
    """Path of the innermost module that was running when an error was raised."""
    found = ""
    for frame in _frames(error):
        path = _path(frame, paths)
        found = found if path is None else path
    return found


def _frames(error: BaseException) -> Iterator[FrameType]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _path(frame: FrameType, paths: Paths) -> str | None:
    """The path of the module whose method a frame runs, or `None`."""
    names = frame.f_code.co_varnames
    if not names or not frame.f_code.co_argcount:
        return None
    owner = frame.f_locals.get(names[0])
    return paths.get(id(owner)) if isinstance(owner, nn.Module) else None
