"""A context manager that watches the shift while a loop trains."""

import time
import warnings
from types import TracebackType
from typing import Any, Protocol, Self

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map

from normdrop.errors import ShiftWarning, UsageError
from normdrop.shifts.expected import INITIAL_ABOVE, average
from normdrop.shifts.report import LayerShift, ShiftHistory, ShiftReport
from normdrop.shifts.stream import Batch, ShiftLog, affordable, scalars
from normdrop.torch._running import initial_share
from normdrop.torch.monitor._entry import NextTrainCall
from normdrop.torch.watch import Listener, NormCall, TensorStatistics, by_running, untouched


class ScalarWriter(Protocol):
    """Who takes numbers over steps, such as `torch.utils.tensorboard.SummaryWriter`."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int, /) -> object:
        """Keep one number under a name."""


class ShiftMonitor:
    """Watches the shift at every norm layer while a hand-written loop trains.

    Before the forward pass of every `every`-th step the batch about to be trained on goes through
    the model once more, in eval mode and without gradients, and each norm layer's input is held
    against the running statistics. That pass leaves the model and the random state as they were:
    training gives the same weights, bit for bit, as without the monitor. In between nothing but a
    counter is at work, and no hook is in place.

    The loop calls the model, or a part of it that holds all its norm layers, once or more per
    step; of these calls the first in train mode is watched. State that a model
    keeps outside its parameters and buffers, in an attribute, is not put back.

    A pass in eval mode costs about a third of a training step, so watching every 100th step adds
    about 0.3 %. Below every 23rd step only part of the batch is watched, so that the pass stays
    below 1.5 %, but never fewer than 32 examples.

    Args:
        model: What is trained. A compiled or parallel model is fine; watch on one process only.
        every: Steps from one measurement to the next.
        sample: At most so many examples of a batch; by default as said above. Inputs whose first
            axis is no batch axis need `sample=None` and an `every` of 23 or more, which takes
            batches as they are.
        warn: Whether to warn when a layer's shift first leaves 0.8 (or 1/0.8), once the running
            statistics have forgotten their initial values.
        writer: Gets the shift of every layer as `shift/<path>`, and `mean_shift/<path>`.
        start: The number of steps already behind the model, when training goes on.

    Raises:
        UsageError: `every` or `sample` is not positive, or the model has no layer with running
            statistics.

    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(8, 64), nn.Dropout(0.5), nn.BatchNorm1d(64))
    >>> optimizer = torch.optim.SGD(model.parameters(), 0.01)
    >>> with ShiftMonitor(model, every=50, warn=False) as monitor:
    ...     for _ in range(100):
    ...         optimizer.zero_grad()
    ...         model(torch.randn(256, 8)).square().mean().backward()
    ...         optimizer.step()
    ...         monitor.step()
    >>> monitor.history.steps, round(monitor.history.last["2"], 1)
    ((50, 100), 0.5)
    """

    def __init__(
        self,
        model: nn.Module,
        every: int = 100,
        *,
        sample: int | None = None,
        warn: bool = True,
        writer: ScalarWriter | None = None,
        start: int = 0,
    ) -> None:
        for name, value in (("every", every), ("sample", sample or 1)):
            if value < 1:
                raise UsageError(f"{name}={value}: a monitor needs a positive number")
        self._model = model
        self._every = every
        self._sample = sample
        self._warn = warn
        self._writer = writer
        self._steps = start
        self._entry = NextTrainCall(model, self._called)
        self._log = ShiftLog(warn=warn)
        self._missed = False
        self._began = self._ended = self._watching = 0.0

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._began, self._ended = time.perf_counter(), 0.0
        self._watching = 0.0
        self._await()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Watch no longer; the history stays."""
        self._entry.leave()
        self._ended = time.perf_counter()

    def step(self) -> None:
        """One training step is done: call it after `optimizer.step()`."""
        self._steps += 1
        if self._entry.awaited:
            self._entry.leave()
            self._tell_missed()
        self._await()

    @property
    def latest(self) -> ShiftReport | None:
        """The last measurement, per channel; `None` before the first."""
        return self._log.latest

    @property
    def history(self) -> ShiftHistory:
        """All measurements so far, one number a layer."""
        return self._log.history

    @property
    def share(self) -> float:
        """How much of the time since the monitor was entered went into measuring, in [0, 1]."""
        whole = (self._ended or time.perf_counter()) - self._began
        return self._watching / whole if whole > 0 else 0.0

    def _await(self) -> None:
        if (self._steps + 1) % self._every == 0:
            self._entry.wait()

    def _tell_missed(self) -> None:
        if self._warn and not self._missed:
            self._missed = True
            warnings.warn(
                f"step {self._steps}: nothing was measured, because no module that holds all norm "
                f"layers of {type(self._model).__name__} was called in train mode: watch the part "
                "of it that is called, ShiftMonitor(model.part)",
                ShiftWarning,
                stacklevel=3,
            )

    def _called(
        self, path: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """The model is about to be called: look first."""
        start = time.perf_counter()
        count = self._sample or affordable(self._every, _batch_size((args, kwargs)))
        args, kwargs = _leading((args, kwargs), count)
        report = _eval_shift(module, path, args, kwargs)
        step = self._steps + 1
        if self._writer is not None:
            for name, value in scalars(report).items():
                self._writer.add_scalar(name, value, step)
        self._log.keep(step, report, settled=initial_share(module) < INITIAL_ABOVE)
        self._watching += time.perf_counter() - start


def _eval_shift(
    module: nn.Module, prefix: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> ShiftReport:
    """The shift at every norm layer against its running statistics, from one eval-mode pass.

    Variances are unbiased on both sides, as torch keeps the running ones. The module is left as
    it was, and so is the random state.

    Args:
        module: What is called.
        prefix: The module's own path, which the layers' paths begin with.
        args: Positional arguments of the call.
        kwargs: Keyword arguments of the call.
    """
    seen: dict[str, list[TensorStatistics]] = {}
    stored: dict[str, TensorStatistics] = {}

    def note(path: str, call: NormCall) -> Tensor:
        if not call.from_batch:
            stored.setdefault(path, call.stored())
            seen.setdefault(path, []).append(_unbiased(call))
        return by_running(call)

    with untouched(module, gradients=False), torch.no_grad():
        module.eval()
        with Listener(module) as listener:
            listener.run(Batch(0, (args, kwargs), targets=None, size=0), note)
    layers = [
        _layer(f"{prefix}.{path}".strip("."), average(moments), stored[path])
        for path, moments in seen.items()
    ]
    return ShiftReport(layers, "measured")


def _leading(arguments: object, count: int) -> Any:  # noqa: ANN401 - arguments of any shape
    """The first examples of every tensor that has the batch's length, at any depth."""
    size = _batch_size(arguments)

    def rows(leaf: object) -> object:
        batched = isinstance(leaf, Tensor) and leaf.ndim > 0 and len(leaf) == size
        return leaf[:count] if batched and isinstance(leaf, Tensor) else leaf

    return tree_map(rows, arguments)


def _batch_size(arguments: object) -> int:
    """The extent of the first tensor's first axis; 1 without any."""
    leaves, _ = tree_flatten(arguments)
    return next((len(x) for x in leaves if isinstance(x, Tensor) and x.ndim), 1)


def _unbiased(call: NormCall) -> TensorStatistics:
    moments = call.moments()
    values = call.x[0, 0].numel() if call.per_instance else call.x[:, 0].numel()
    return TensorStatistics(moments.mean, moments.variance * (values / max(1, values - 1)))


def _layer(path: str, seen: TensorStatistics, stored: TensorStatistics) -> LayerShift:
    return LayerShift(
        path,
        "measured",
        eval_mean=seen.mean.cpu().numpy(),
        eval_variance=seen.variance.cpu().numpy(),
        train_mean=stored.mean.cpu().numpy(),
        train_variance=stored.variance.cpu().numpy(),
    )
