"""Reading compressed files: bounds and damage."""

import gzip
import io
import lzma
import tarfile
import zlib
from pathlib import Path

import pytest

from normdrop.errors import DataError
from normdrop.lab.data import _files


def test_a_file_that_expands_too_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few kilobytes that expand beyond the limit are refused, whatever compressed them."""
    monkeypatch.setattr(_files, "LIMIT", 1 << 21)
    zeros = bytes(1 << 22)
    for name, stored in (("a.gz", gzip.compress(zeros)), ("a.xz", lzma.compress(zeros))):
        with pytest.raises(DataError, match="expected at most 2 MiB of data, found more"):
            _files.expand(tmp_path / name, stored)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        member = tarfile.TarInfo("folder/a")
        member.size = len(zeros)
        archive.addfile(member, io.BytesIO(zeros))
    with pytest.raises(DataError, match="expected at most 2 MiB of data, found more"):
        _files.unpack(tmp_path / "a.tar.gz", stream.getvalue(), ["a"])


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    """A file beyond the limit is refused before it is read; this one is sparse."""
    path = tmp_path / "large"
    with path.open("wb") as stream:
        stream.truncate(_files.LIMIT + 1)
    with pytest.raises(DataError, match="expected at most 512 MiB, found 512 MiB"):
        _files.read_stored(path)


def test_an_xz_dictionary_beyond_any_preset(tmp_path: Path) -> None:
    """A stream that asks for a gigabyte of dictionary is refused."""
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]
    stored = bytearray(lzma.compress(b"data", filters=[{**filters[0], "dict_size": 1 << 20}]))
    # The dictionary size is one byte of the block header, whose CRC-32 follows.
    start = 12
    size = (stored[start] + 1) * 4
    position = stored.index(b"\x21\x01", start) + 2
    stored[position] = 36
    stored[start + size - 4 : start + size] = zlib.crc32(stored[start : start + size - 4]).to_bytes(
        4, "little"
    )
    with pytest.raises(DataError, match="Memory usage limit"):
        _files.expand(tmp_path / "a.xz", bytes(stored))


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
def test_damaged_compression(tmp_path: Path, suffix: str) -> None:
    """Cut short, empty, or not compressed at all: the error names the file and the format."""
    content = bytes(range(256)) * 20
    stored = gzip.compress(content) if suffix == ".gz" else lzma.compress(content)
    for broken in (stored[:-3], stored[: len(stored) // 2], b"plain text"):
        with pytest.raises(DataError, match=f"a{suffix}: expected a complete"):
            _files.expand(tmp_path / f"a{suffix}", broken)


def test_an_unreadable_file(tmp_path: Path) -> None:
    """A folder in a file's place is an error in words."""
    with pytest.raises(DataError, match="Is a directory"):
        _files.read_stored(tmp_path)
