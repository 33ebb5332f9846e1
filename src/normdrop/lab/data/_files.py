"""Files as the bytes they hold: plain, `.gz`, `.xz`, or inside a `.tar.gz`.

Nothing here trusts a size written in a file: contents are read in chunks, and no more than `LIMIT`
bytes of them.
"""

import gzip
import hashlib
import lzma
import tarfile
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

from normdrop.errors import DataError

LIMIT = 1 << 29
"""The most bytes that are read from one file, and the most it may expand to."""

SUFFIXES = ("", ".gz", ".xz")
"""How a file may be compressed; its name says so."""

_CHUNK = 1 << 20
_XZ_MEMORY = 1 << 28  # a damaged header may ask for gigabytes


@dataclass(frozen=True, eq=False)
class Part:
    """The uncompressed content of one file of a data set, and where it was found."""

    where: str
    content: bytearray

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the uncompressed content."""
        return hashlib.sha256(self.content).hexdigest()


def read_stored(path: Path) -> bytes:
    """The bytes of a file as it is stored.

    Raises:
        DataError: The file cannot be read, or is larger than `LIMIT`.
    """
    try:
        size = path.stat().st_size
        if size > LIMIT:
            raise DataError(f"{path}: expected at most {LIMIT >> 20} MiB, found {size >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def expand(path: Path, stored: bytes) -> Part:
    """The content of a file that is plain, `.gz` or `.xz`, as its name says.

    Raises:
        DataError: The stored bytes are not of that format, are damaged or expand too far.
    """
    try:
        if path.suffix == ".gz":
            with gzip.GzipFile(fileobj=BytesIO(stored)) as stream:
                content = _up_to_limit(stream.read, str(path))
        elif path.suffix == ".xz":
            content = _up_to_limit(_Xz(stored).read, str(path))
        else:
            content = bytearray(stored)
    except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        kind = {".gz": "gzip", ".xz": "xz"}[path.suffix]
        raise DataError(
            f"{path}: expected a complete {kind} file, found damage: {error}"
        ) from error
    return Part(str(path), content)


def unpack(path: Path, stored: bytes, wanted: Collection[str]) -> dict[str, Part]:
    """The wanted members of a `.tar.gz`, by base name, read without writing anything to disk.

    Raises:
        DataError: The archive is damaged, or a member is missing or too large.
    """
    # Expanded first: tarfile seeks over a member in a compressed stream by reading, for ever if a
    # damaged header says so, but in memory by setting a position.
    content = BytesIO(expand(path, stored).content)
    parts: dict[str, Part] = {}
    try:
        with tarfile.open(fileobj=content, mode="r:") as archive:
            for member in archive:
                name = member.name.rpartition("/")[2]
                if name in wanted and member.type in {tarfile.REGTYPE, tarfile.AREGTYPE}:
                    end = member.offset_data + member.size
                    data = bytearray(content.getbuffer()[member.offset_data : end])
                    parts[name] = Part(f"{path}:{member.name}", data)
    except (tarfile.TarError, EOFError, OSError, ValueError, OverflowError) as error:
        raise DataError(
            f"{path}: expected a complete .tar.gz archive, found damage: {error}"
        ) from error
    if missing := sorted(set(wanted) - set(parts)):
        raise DataError(f"{path}: expected {', '.join(missing)} in the archive, found none")
    return parts


def _up_to_limit(read: Callable[[int], bytes], where: str) -> bytearray:
    """Everything a stream gives, in chunks, so that memory follows the bytes that are there."""
    content = bytearray()
    while chunk := read(_CHUNK):
        content += chunk
        if len(content) > LIMIT:
            raise DataError(f"{where}: expected at most {LIMIT >> 20} MiB of data, found more")
    return content


class _Xz:
    """An `.xz` stream that refuses a dictionary larger than any preset's."""

    def __init__(self, stored: bytes) -> None:
        self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
        self._pending = stored

    def read(self, size: int) -> bytes:
        if self._decompressor.eof:
            return b""
        chunk = self._decompressor.decompress(self._pending, size)
        self._pending = b""
        if not chunk and not self._decompressor.eof:
            raise EOFError("the stream ends early")
        return chunk
