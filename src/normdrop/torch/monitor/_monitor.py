"""A context manager that watches the shift while a loop trains."""

import time
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel
from torch.utils._pytree import tree_flatten, tree_map

from normdrop.errors import ShiftWarning, UsageError
from normdrop.shifts.expected import INITIAL_ABOVE, average
from normdrop.shifts.report import LayerShift, ShiftReport
from normdrop.shifts.stream import Batch, ShiftLog, WatchedTraining, affordable, scalars
from normdrop.torch._running import initial_share
from normdrop.torch.watch import Listener, NormCall, TensorStatistics, by_running, untouched


class ScalarWriter(Protocol):
    """Who takes numbers over steps, such as `torch.utils.tensorboard.SummaryWriter`."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int, /) -> object:
        """Keep one number under a name."""


class ShiftMonitor(WatchedTraining):
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

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._began, self._ended = time.perf_counter(), 0.0
        self._watching = 0.0
        self._await()
        return self

    def __exit__(self, *_: object) -> None:
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

    `prefix` is the path of the module itself, with which the layers' paths begin.
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


if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle

_PARALLEL = (DataParallel, DistributedDataParallel)

See: TypeAlias = Callable[[str, nn.Module, tuple[Any, ...], dict[str, Any]], None]
"""Told of a call: the module's path, the module itself, and the call's arguments."""


class NextTrainCall:
    """Waits for the next train-mode call of the outermost module that holds all norm layers.

    A loop may call the model it trains or a part of it; a wrapper that holds a loss beside the
    network is never called itself. A hook is in place only while a call is awaited.

    Args:
        model: What is trained.
        see: Told of the call, before it runs.

    Raises:
        UsageError: No layer of the model has running statistics.
    """

    def __init__(self, model: nn.Module, see: See) -> None:
        self._places = list(_places(model))
        if not self._places:
            raise UsageError(
                f"{type(model).__name__} has no layer with running statistics: there is no shift "
                "to watch"
            )
        self._see = see
        self._handles: list[RemovableHandle] = []

    @property
    def awaited(self) -> bool:
        """Whether the next call is being waited for."""
        return bool(self._handles)

    def wait(self) -> None:
        """Wait for the next call."""
        if not self.awaited:
            self._handles = [
                module.register_forward_pre_hook(self._hook(path), with_kwargs=True)
                for path, module in self._places
            ]

    def leave(self) -> None:
        """Wait no longer; no hook stays behind."""
        while self._handles:
            self._handles.pop().remove()

    def _hook(self, path: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
        def called(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if module.training and self.awaited:
                self.leave()  # first, so that what `see` runs is not seen
                self._see(path, _compiled(module) or module, args, kwargs)

        return called


def _places(module: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The modules, from the outermost in, whose inputs reach every norm layer, with their paths.

    A parallel module is left to the one within, which gets its inputs on the right device. A
    compiled one is watched from outside: a hook further in would be compiled with it.
    """
    wanted = _norms(module)
    if not wanted:
        return
    if isinstance(module, _PARALLEL):
        yield from _places(module.module, path)
        return
    yield path, module
    if _compiled(module) is not None:
        return
    for name, child in module.named_children():
        if _norms(child) == wanted:
            yield from _places(child, f"{path}.{name}".lstrip("."))


def _compiled(module: nn.Module) -> nn.Module | None:
    """What `torch.compile` was given, if the module came from it."""
    inner = getattr(module, "_orig_mod", None)
    return inner if isinstance(inner, nn.Module) else None


def _norms(model: nn.Module) -> set[int]:
    """The running means a module holds."""
    named = model.named_buffers()
    return {id(buffer) for path, buffer in named if path.rpartition(".")[2] == "running_mean"}
