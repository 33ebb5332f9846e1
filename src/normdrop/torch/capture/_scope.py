"""Where a call is made: in which module, and on which line of the user's source."""

import functools
import itertools
import sys
import sysconfig
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from normdrop.torch.trees import tensors_in
from normdrop.values.location import Location

if TYPE_CHECKING:
    from types import FrameType


@dataclass(frozen=True, slots=True)
class Frame:
    """One running forward of one module, and the tensors it was called with."""

    path: str
    module: nn.Module
    invocation: int
    tensors: tuple[Tensor, ...]


@dataclass
class CallStack:
    """The stack of modules whose forward runs now.

    Attributes:
        frames: Outermost first.
        calls: How often each module's forward ran, by path.
        failed: The innermost forward that the latest exception left.
        error: That exception.
    """

    frames: list[Frame] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    failed: Frame | None = None
    error: BaseException | None = None
    _watched: list[nn.Module] = field(default_factory=list)
    _invocations: "itertools.count[int]" = field(default_factory=itertools.count)

    def watch(self, module: nn.Module, path: str, around: "Around") -> None:
        """Note when `module.forward` runs, however it is called."""
        forward = module.forward

        @functools.wraps(forward)
        def watched(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a forward takes anything
            tensors = tuple(tensors_in((args, kwargs)))
            frame = Frame(path, module, next(self._invocations), tensors)
            self.calls[path] += 1
            self.frames.append(frame)
            try:
                return around(frame, forward, args, kwargs)
            except BaseException as error:
                if error is not self.error:
                    self.error, self.failed = error, frame
                raise
            finally:
                self.frames.pop()

        module.__dict__["forward"] = watched
        self._watched.append(module)

    def unwatch(self) -> None:
        """Let go of the modules, so that their memory is free at once."""
        for module in self._watched:
            module.__dict__.pop("forward", None)
        self._watched.clear()


Around = Callable[[Frame, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""What runs a forward: takes the frame, the forward itself, and its arguments."""


_MACHINERY = (
    str(Path(torch.__file__).parent),
    str(Path(__file__).parents[2]),
    "<frozen",
)
_LIBRARY = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})
_INSTALLED = tuple({sysconfig.get_path(name) for name in ("purelib", "platlib")})
ENTRY = "run_forward"
"""Name of the function, in this package, below which the frames are the model's."""


def call_site() -> Location | None:
    """The innermost line outside installed packages, or else outside torch, normdrop and Python.

    Frames are looked at from the call outward to where capture called the model.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to walk frames cheaply
    installed: Location | None = None
    while frame is not None and frame.f_code.co_name != ENTRY:
        rank = _rank(frame.f_code.co_filename)
        if rank == 0:
            return Location(frame.f_code.co_filename, frame.f_lineno)
        if rank == 1 and installed is None:
            installed = Location(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return installed


@cache
def _rank(filename: str) -> int:
    """0 for the user's files, 1 for installed packages, 2 for torch, normdrop and Python."""
    if filename.startswith(_MACHINERY):
        return 2
    if filename.startswith(_INSTALLED):
        return 1
    return 2 if filename.startswith(_LIBRARY) else 0
