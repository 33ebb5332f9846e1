"""The CIFAR-10 reader against records written by hand, as files and as the published archive."""

import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from normdrop.errors import DataError
from normdrop.lab.data import Dataset, load

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
}
ARCHIVE = "cifar-10-binary.tar.gz"


def archive(files: dict[str, bytes], *, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A .tar.gz of these files below cifar-10-batches-bin/, with a file beside them."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in {"readme.html": b"<html>", **files}.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            member.type = kind
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(stream.getvalue(), mtime=0)


def check(data: Dataset, files: dict[str, bytes]) -> None:
    """Records of one byte and 3 × 32 × 32 pixels, batch after batch."""
    assert data.train.inputs.shape == (20, 3, 32, 32)
    assert data.test.inputs.shape == (4, 3, 32, 32)
    assert data.train.targets.tolist() == [0, 1, 2, 3] * 5
    assert data.train.inputs[6].tobytes() == files["data_batch_2.bin"][2 * 3073 + 1 : 3 * 3073]
    # Red, green and blue planes, each row by row.
    assert data.test.inputs[1, 2, 3, 4] == files["test_batch.bin"][3073 + 1 + 2 * 1024 + 3 * 32 + 4]
    assert data.notes == ()


@pytest.mark.parametrize("suffix", COMPRESS)
def test_batches(small_cifar: dict[str, bytes], tmp_path: Path, suffix: str) -> None:
    """Plain, gzip and xz batches give the same arrays."""
    for name, content in small_cifar.items():
        (tmp_path / (name + suffix)).write_bytes(COMPRESS[suffix](content))
    check(load("cifar-10", folder=tmp_path), small_cifar)


def test_archive(small_cifar: dict[str, bytes], tmp_path: Path) -> None:
    """The published archive is read as it is: nothing is written beside it, same checksum."""
    (tmp_path / ARCHIVE).write_bytes(archive(small_cifar))
    data = load("cifar-10", folder=tmp_path)
    check(data, small_cifar)
    assert [path.name for path in tmp_path.iterdir()] == [ARCHIVE]
    for name, content in small_cifar.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / ARCHIVE).unlink()
    assert load("cifar-10", folder=tmp_path).checksum == data.checksum


def test_archive_without_a_batch(small_cifar: dict[str, bytes], tmp_path: Path) -> None:
    """A missing member is named; a link under a batch's name is not followed."""
    (tmp_path / ARCHIVE).write_bytes(archive({**small_cifar, "test_batch.bin": b""}))
    with pytest.raises(DataError, match=r"test_batch\.bin: .* found an empty file"):
        load("cifar-10", folder=tmp_path)
    del small_cifar["data_batch_3.bin"]
    (tmp_path / ARCHIVE).write_bytes(archive(small_cifar))
    with pytest.raises(DataError, match=r"expected data_batch_3\.bin in the archive"):
        load("cifar-10", folder=tmp_path)
    (tmp_path / ARCHIVE).write_bytes(archive(dict.fromkeys(small_cifar, b""), kind=tarfile.SYMTYPE))
    with pytest.raises(DataError, match=r"expected data_batch_1\.bin, .* in the archive"):
        load("cifar-10", folder=tmp_path)


@pytest.mark.timeout(20)
def test_a_member_that_claims_to_be_endless(small_cifar: dict[str, bytes], tmp_path: Path) -> None:
    """A damaged size of 2⁸⁰ bytes is an error at once, not a seek that never ends."""
    tar = bytearray(gzip.decompress(archive(small_cifar)))
    tar[124:136] = b"\x80" + (1 << 80).to_bytes(11, "big")
    tar[148:156] = b"%06o\0 " % (sum(tar[:148]) + 8 * ord(" ") + sum(tar[156:512]))
    (tmp_path / ARCHIVE).write_bytes(gzip.compress(tar))
    with pytest.raises(DataError, match="expected a complete"):
        load("cifar-10", folder=tmp_path)


def test_broken_records(small_cifar: dict[str, bytes], tmp_path: Path) -> None:
    """A batch that is not whole records, or has an eleventh class, is refused in words."""
    for name, content in small_cifar.items():
        (tmp_path / name).write_bytes(content)
    victim = tmp_path / "data_batch_4.bin"
    victim.write_bytes(small_cifar[victim.name][:-1])
    with pytest.raises(DataError, match=r"data_batch_4\.bin: .* 3073 bytes, found 12291 bytes"):
        load("cifar-10", folder=tmp_path)
    victim.write_bytes(small_cifar[victim.name][:3073] + b"\x0a" + bytes(3072))
    with pytest.raises(DataError, match="expected labels from 0 to 9, found 10 in row 1"):
        load("cifar-10", folder=tmp_path)


@settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(["archive", "tar"]),
    st.lists(st.tuples(st.integers(0, 8000), st.integers(0, 255)), max_size=4),
    st.one_of(st.just(1.0), st.floats(0, 1)),
)
def test_damaged_archives(
    small_cifar: dict[str, bytes],
    tmp_path: Path,
    damaged: str,
    overwritten: list[tuple[int, int]],
    kept: float,
) -> None:
    """Damage in the archive, within its compression or before it, raises DataError or nothing."""
    stored = bytearray(archive(small_cifar))
    if damaged == "tar":
        stored = bytearray(gzip.decompress(stored))
    for position, value in overwritten:
        stored[position] = value
    stored = stored[: round(kept * len(stored))]
    (tmp_path / ARCHIVE).write_bytes(gzip.compress(stored, 1) if damaged == "tar" else stored)
    with suppress(DataError):
        load("cifar-10", folder=tmp_path)
