"""Which module of a model is running: read off the stack, so that no hook is ever registered."""

import sys
from collections.abc import Iterator, Mapping
from types import FrameType

from torch import nn

Paths = Mapping[int, str]
"""Module id to its path in the model; the model itself is `""`."""


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
