"""Where a training loop enters a model: the next call whose inputs reach every norm layer."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from normdrop.errors import UsageError

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
