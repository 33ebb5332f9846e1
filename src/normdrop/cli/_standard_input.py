"""Source from standard input, as editors hand it over, put where files are read."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

from normdrop.errors import UsageError

_NAME = "stdin.py"


@contextmanager
def as_file(name: str | None = None) -> Iterator[str]:
    """The path of a file with what standard input holds, in a folder of its own that is current.

    The file stands alone: what lies beside the one it was typed in is not seen.

    Args:
        name: What to call it, such as the path of the file in an editor; below the current folder
            it keeps its folders. A name that ends in `.ipynb` is read as a notebook.

    Raises:
        UsageError: The name is empty, or leads out of every folder.
    """
    text = sys.stdin.buffer.read()
    place = Path(name or _NAME)
    if place.is_absolute():
        here = Path.cwd()
        place = place.relative_to(here) if place.is_relative_to(here) else Path(place.name)
    if not place.name or ".." in place.parts:
        raise UsageError(f"--stdin-filename {name}: name a file in the current folder or below")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, place)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text)
        with chdir(folder):
            yield str(place)
