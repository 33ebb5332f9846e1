"""Lines of the files that findings point at."""

from functools import lru_cache
from pathlib import Path

from normdrop.lint.source import read_text
from normdrop.values.location import Location


def _lines(path: str) -> tuple[str, ...]:
    try:
        return _read(path, Path(path).stat().st_mtime_ns)
    except (OSError, ValueError, SyntaxError, LookupError):
        return ()


@lru_cache(maxsize=8)
def _read(path: str, _changed: int) -> tuple[str, ...]:
    return tuple(read_text(path).lines())


def line_of(location: Location) -> str:
    """The line a location names, without its end; empty where it cannot be read."""
    path, colon, cell = location.file.partition(":cell ")
    number = location.line
    if colon:
        starts = {number: first for first, number in read_text(path).cells}
        number += starts.get(int(cell), 1) - 1
    lines = _lines(path)
    return lines[number - 1] if 0 < number <= len(lines) else ""
