"""What reaches every norm layer, seen at little cost."""

from collections.abc import Callable
from typing import Any, Self, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase

from normdrop.errors import CaptureError, NormdropError
from normdrop.shifts.stream import Batch
from normdrop.torch.watch._calls import CallWatch, NormCall, caller, paths_of, where
from normdrop.torch.watch._channel_moments import stacked_moments

Answer: TypeAlias = Callable[[str, NormCall], Tensor]
"""Takes a norm layer's path and its call and gives the output."""

_PLAIN = (_BatchNorm.forward, nn.SyncBatchNorm.forward)


class Listener:
    """Answers every norm call with running statistics in the norm layer's place.

    Inside a `with` statement torch's own norm modules answer in their `forward`. The first run also
    watches every torch call (`CallWatch`), so that a norm written as
    `functional.batch_norm` or hidden in a module of its own is met, too. That costs some
    microseconds a call, and later runs do so only where one was met.

    Attributes:
        others: Paths of the norms met in the first run that are no norm modules of torch's.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._paths = paths_of(model)
        self._owners = {
            id(buffer): name.removesuffix("running_mean").removesuffix(".")
            for name, buffer in model.named_buffers()
        }
        self._plain = {path: m for path, m in model.named_modules() if _is_plain(m)}
        self._answer: Answer = _no_answer
        self.others: set[str] | None = None
        self._answering = False

    def __enter__(self) -> Self:
        """Let the modules answer."""
        for path, module in self._plain.items():
            module.__dict__["forward"] = self._forward(path, module)
        return self

    def __exit__(self, *error: object) -> None:
        """Give the modules their `forward` back."""
        for module in self._plain.values():
            del module.__dict__["forward"]

    def run(self, batch: Batch, answer: Answer) -> Any:  # noqa: ANN401 - whatever the model returns
        """Call the model with a batch and answer its norm calls.

        Raises:
            CaptureError: The model raised; the message names the batch and the module.
        """
        self._answer = answer
        if self.others is not None and not self.others:
            return self._called(batch)
        others: set[str] = set()

        def noted(call: NormCall) -> Tensor | None:
            if self._answering:
                return None
            path = self._path(call)
            others.add(path)
            return answer(path, call)

        with CallWatch(noted):
            outputs = self._called(batch)
        if self.others is None:
            self.others = others
        return outputs

    def _called(self, batch: Batch) -> Any:  # noqa: ANN401 - whatever the model returns
        args, kwargs = batch.arguments
        try:
            return self._model(*args, **kwargs)
        except NormdropError:
            raise
        except Exception as error:
            path = where(error, self._paths) or type(self._model).__name__
            raise CaptureError(
                f"batch {batch.number + 1}, {path}: {type(error).__name__}: {error}"
            ) from error

    def _forward(self, path: str, module: nn.Module) -> Callable[[Tensor], Tensor]:
        # Their dicts are faster than attributes.
        parameters, buffers = module._parameters, module._buffers  # noqa: SLF001

        def forward(input: Tensor) -> Tensor:  # noqa: A002 - torch's name for it
            module._check_input_dim(input)  # type: ignore[operator] # noqa: SLF001 - as its own does
            call = NormCall(
                input,
                buffers["running_mean"],  # type: ignore[arg-type] # a plain norm has it
                buffers["running_var"],  # type: ignore[arg-type] # same
                parameters["weight"],
                parameters["bias"],
                module.training,
                module.eps,  # type: ignore[arg-type] # a float
                per_instance=False,
            )
            self._answering = True
            try:
                return self._answer(path, call)
            finally:
                self._answering = False

        return forward

    def _path(self, call: NormCall) -> str:
        """A norm is known by its buffer; statistics kept elsewhere by the module that calls."""
        path = self._owners.get(id(call.running_mean))
        return caller(self._paths)[0] if path is None else path


def by_running(call: NormCall) -> Tensor:
    """The output in eval mode; a norm that always goes by its batch does so, updating nothing."""
    if call.from_batch:
        return call.by_batch()
    return _normalised(call, call.running_mean, call.running_variance)


def by_batch(call: NormCall, found: Tensor) -> Tensor:
    """The output in train mode, given `call_moments(call)`; no running statistics are touched."""
    if call.per_instance:
        return call.by_batch()
    mean, variance = found
    if mean.dtype != call.running_mean.dtype:
        mean, variance = mean.to(call.running_mean), variance.to(call.running_variance)
    return _normalised(call, mean, variance)


def _normalised(call: NormCall, mean: Tensor, variance: Tensor) -> Tensor:
    """The output in eval mode; the wrapper in `functional` would cost as much as a small layer."""
    x, weight, bias = call.x, call.weight, call.bias
    cudnn = x.is_cuda and torch.backends.cudnn.enabled
    return torch.batch_norm(x, weight, bias, mean, variance, False, 0.0, call.eps, cudnn)  # noqa: FBT003 - its own order


def call_moments(call: NormCall) -> Tensor:
    """Mean and biased variance per channel of what reached the norm, shape (2, channels)."""
    if call.per_instance:
        found = call.moments()
        return torch.stack([found.mean, found.variance])
    return stacked_moments(call.x)


def _is_plain(module: nn.Module) -> bool:
    """Whether a module is torch's own norm with running statistics, its forward nobody's else."""
    return (
        isinstance(module, _NormBase)
        and type(module).forward in _PLAIN
        and "forward" not in module.__dict__
        and module.running_mean is not None
        and module.running_var is not None
    )


def _no_answer(path: str, call: NormCall) -> Tensor:
    raise LookupError(path, call)
