"""The line of the user's source that made a call."""

import sys
import sysconfig
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from normdrop.values.location import Location

if TYPE_CHECKING:
    from types import FrameType

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
