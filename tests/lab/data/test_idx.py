"""The IDX reader against files written by hand."""

import gzip
import lzma
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from normdrop.errors import DataError
from normdrop.lab.data import load
from normdrop.lab.data._files import Part
from normdrop.lab.data._idx import array, images_and_labels

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
}
SMALL = struct.pack(">BBBBII", 0, 0, 8, 2, 2, 3) + bytes([5, 6, 7, 8, 9, 10])


def part(content: bytes) -> Part:
    """A file's content as if it had been read."""
    return Part("somewhere", bytearray(content))


def test_values_and_shape() -> None:
    """Values come row by row in the shape the header states."""
    assert array(part(SMALL), 2).tolist() == [[5, 6, 7], [8, 9, 10]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an empty file"),
        (
            b"\x00\x00\x0d\x02" + SMALL[4:],
            "expected the IDX magic number 0x00000802, found 0x00000d02",
        ),
        (b"\x00\x00\x08\x03" + SMALL[4:], "found 0x00000803"),
        (gzip.compress(SMALL, mtime=0), "found 0x1f8b"),
        (SMALL[:9], "expected 12 bytes of IDX header, found 9"),
        (SMALL[:-1], r"expected 6 bytes of data for its shape \(2, 3\), found 5"),
        (SMALL + b"\x00", "expected 6 bytes of data .* found 7"),
        (struct.pack(">BBBBII", 0, 0, 8, 2, 2**32 - 1, 2**32 - 1), "expected 18446744065119617025"),
    ],
)
def test_broken_files(content: bytes, said: str) -> None:
    """A file that is not what its header says is refused in words, and says where it is."""
    with pytest.raises(DataError, match=f"somewhere: .*{said}"):
        array(part(content), 2)


def test_a_huge_header_allocates_nothing() -> None:
    """A header that claims 2⁶⁴ bytes costs no memory."""
    broken = part(struct.pack(">BBBBII", 0, 0, 8, 2, 2**32 - 1, 2**32 - 1))
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            array(broken, 2)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=40))
def test_any_bytes(content: bytes) -> None:
    """Whatever follows a valid magic number is either an array of that many values or an error."""
    whole = b"\x00\x00\x08\x02" + content
    try:
        values = array(part(whole), 2)
    except DataError:
        return
    assert values.size == len(content) - 8


def test_images_must_fit_their_labels(small_mnist: dict[str, bytes]) -> None:
    """As many labels as images, and images of the stated size."""
    images, labels, _, other_labels = (part(content) for content in small_mnist.values())
    with pytest.raises(DataError, match="expected a label for each of 20 images, found 10"):
        images_and_labels(images, other_labels, (28, 28), 10)
    with pytest.raises(DataError, match=r"expected images of \(32, 32\), found \(28, 28\)"):
        images_and_labels(images, labels, (32, 32), 10)
    with pytest.raises(DataError, match="expected labels from 0 to 6, found 7 in row 7"):
        images_and_labels(images, labels, (28, 28), 7)


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_whole_folder(small_mnist: dict[str, bytes], tmp_path: Path, suffix: str) -> None:
    """Plain, gzip and xz files give the same data and the same checksum."""
    for name, content in small_mnist.items():
        (tmp_path / (name + suffix)).write_bytes(COMPRESS[suffix](content))
    data = load("mnist", folder=tmp_path)
    assert data.train.inputs.shape == (20, 1, 28, 28)
    assert data.train.inputs.dtype == np.uint8
    assert data.train.inputs.tobytes() == small_mnist["train-images-idx3-ubyte"][16:]
    assert data.test.targets.tolist() == list(range(10))
    assert data.test.targets.dtype == np.int64
    assert data.notes == ()
    plain = tmp_path / "plain"
    plain.mkdir()
    for name, content in small_mnist.items():
        (plain / name).write_bytes(content)
    assert load("mnist", folder=plain).checksum == data.checksum


def words(folder: Path) -> str | None:
    """What DataError says about a folder, if it does not load."""
    try:
        load("mnist", folder=folder)
    except DataError as error:
        return str(error)
    return None


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(tuple(COMPRESS)), st.data())
def test_damage_is_an_error_in_words(
    small_mnist: dict[str, bytes], tmp_path: Path, suffix: str, draw: st.DataObject
) -> None:
    """Cut short or with bytes overwritten, a data set loads or raises DataError, nothing else."""
    folder = tmp_path / suffix.strip(".") / "mnist"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in small_mnist.items():
        (folder / (name + suffix)).write_bytes(COMPRESS[suffix](content))
    victim = folder / (draw.draw(st.sampled_from(tuple(small_mnist))) + suffix)
    stored = bytearray(victim.read_bytes())
    for _ in range(draw.draw(st.integers(0, 3))):
        stored[draw.draw(st.integers(0, len(stored) - 1))] = draw.draw(st.integers(0, 255))
    stored = stored[: draw.draw(st.integers(0, len(stored)))]
    victim.write_bytes(stored)
    said = words(folder)
    assert said is None or (str(folder) in said and "normdrop data get mnist" in said)
