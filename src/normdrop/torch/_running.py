"""The running statistics of a model: read, written in place, put back; and how old they are."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from normdrop.errors import UsageError
from normdrop.shifts import expected
from normdrop.shifts.stream import Stored
from normdrop.torch.watch import frozen_norms, has_statistics

_USUAL = 0.1
"""torch's own momentum, for a norm that says none."""


class RunningStatistics:
    """What the norm layers of a model go by in eval mode; see `normdrop.verbs`.

    Attributes:
        buffers: Norm layer path to its running mean and variance themselves; norms that are no
            modules may be added.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self.buffers: dict[str, tuple[Tensor, Tensor]] = {
            path: (module.get_buffer("running_mean"), module.get_buffer("running_var"))
            for path, module in model.named_modules()
            if has_statistics(module)
        }

    @property
    def stored(self) -> dict[str, Stored]:
        """A copy of what every norm layer has stored."""
        return {path: copied(*pair) for path, pair in self.buffers.items()}

    @property
    def frozen(self) -> frozenset[str]:
        """Norm layers that keep to it while the model trains."""
        return frozen_norms(self._model)

    def write(self, statistics: Mapping[str, Stored]) -> None:
        """Set running statistics in place.

        Raises:
            UsageError: A norm keeps its statistics in buffers of other names.
        """
        if unknown := statistics.keys() - self.buffers.keys():
            raise UsageError(
                f"{min(unknown)!r} keeps its statistics in no buffers called running_mean and "
                "running_var"
            )
        with torch.no_grad():
            for path, stored in statistics.items():
                mean, variance = self.buffers[path]
                mean.copy_(torch.from_numpy(stored.mean))
                variance.copy_(torch.from_numpy(stored.variance))

    def count(self, batches: Mapping[str, int]) -> None:
        """Set how many batches the statistics of each layer rest on, where the layer counts."""
        with torch.no_grad():
            for path, number in batches.items():
                counter = self._counter(path)
                if counter is not None:
                    counter.fill_(number)

    def snapshot(self) -> Callable[[], None]:
        """What puts the statistics and counters of all layers back."""
        tensors = [tensor for pair in self.buffers.values() for tensor in pair]
        tensors += [c for path in self.buffers if (c := self._counter(path)) is not None]
        values = [tensor.detach().clone() for tensor in tensors]

        def put_back() -> None:
            with torch.no_grad():
                for tensor, value in zip(tensors, values, strict=True):
                    tensor.copy_(value)

        return put_back

    def _counter(self, path: str) -> Tensor | None:
        try:
            return self._model.get_submodule(path)._buffers.get("num_batches_tracked")  # noqa: SLF001
        except AttributeError:  # statistics in a buffer of another name: the path is the buffer's
            return None


def copied(mean: Tensor, variance: Tensor) -> Stored:
    """A copy of running statistics in float64 on the CPU; not every device has float64."""
    both = (np.array(x.detach().cpu().double().numpy()) for x in (mean, variance))
    return Stored(*both)


def has_learned_statistics(model: nn.Module) -> bool:
    """Whether any running variance differs from that of a new layer.

    The means tell nothing: `fix` folds biases into those of new layers too.

    >>> has_learned_statistics(nn.BatchNorm1d(3))
    False
    """
    return any(
        bool((buffer != 1).any())
        for name, buffer in model.named_buffers()
        if name.rpartition(".")[2] == "running_var"
    )


def initial_share(model: nn.Module) -> float:
    """How much initial values still weigh in the running statistics; the median over layers."""
    norms = [module for module in model.modules() if isinstance(module, _NormBase)]
    shares = [_share(norm) for norm in norms if _counts(norm)]
    return float(np.median(shares)) if shares else 0.0


def memory(model: nn.Module, paths: Iterable[str]) -> dict[str, float]:
    """Norm layer path to the variance of its running average over that of one batch.

    That is m / (2 - m) at momentum m, and 1 / batches for a plain average.
    """
    modules = dict(model.named_modules())
    return {path: _memory(modules.get(path)) for path in paths}


def _memory(norm: nn.Module | None) -> float:
    if not isinstance(norm, _NormBase):
        return _USUAL / (2 - _USUAL)
    if norm.momentum is None:
        batches = norm.num_batches_tracked
        return 1.0 if batches is None else 1 / max(1, int(batches.item()))
    return norm.momentum / (2 - norm.momentum)


def _share(norm: _NormBase) -> float:
    batches, variance = norm.num_batches_tracked, norm.running_var
    if batches is None or variance is None or norm.momentum is None:
        return 0.0
    return expected.initial_share_left(1 - norm.momentum, batches.item(), variance.cpu().numpy())


def _counts(norm: _NormBase) -> bool:
    """Whether the layer has counted any batch."""
    batches = norm.num_batches_tracked
    return norm.running_var is not None and batches is not None and batches.item() > 0
