"""Files are written whole or not at all."""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from normdrop.errors import NormdropError


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> Path:
    """Write a file so that a reader, now or after a crash, sees the old one or the new one whole.

    The content goes to a temporary file in the same folder, is forced to the disk and takes the
    name in one step. Missing folders are made. A link keeps pointing where it did, and a file that
    was there hands on its permissions.

    Args:
        path: Where the file is to be.
        content: Text, written as UTF-8 without changing its line ends, or bytes.

    Returns:
        The path of the file itself, links resolved.

    Raises:
        NormdropError: If it cannot be written (a full disk, a read-only folder, a folder of that
            name); a file that was there before is left as it was.
    """
    target = Path(path).resolve()
    temporary = target.with_name(f".{uuid4().hex}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except OSError as error:
        raise NormdropError(
            f"cannot write {os.fspath(path)!r}: {error.strerror or error}; "
            "a file that was there is unchanged, so free some space or choose another place"
        ) from error
    finally:
        with suppress(OSError):  # where the folder itself is at fault nothing is left behind
            temporary.unlink(missing_ok=True)
    return target
