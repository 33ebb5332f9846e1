"""Where files are found, and how they are verified there."""

import gzip
import hashlib
import shutil
from pathlib import Path

import pytest

from normdrop.errors import DataError
from normdrop.lab import data


def write(folder: Path, files: dict[str, bytes], suffix: str = "") -> None:
    """Put files into a folder that need not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / (name + suffix)).write_bytes(gzip.compress(content) if suffix else content)


def test_the_folder_argument_is_the_only_place(
    small_mnist: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is given counts with or without the set's name; no other place is tried."""
    write(tmp_path / "shared" / "mnist", small_mnist)
    monkeypatch.setenv("NORMDROP_DATA", str(tmp_path / "shared"))
    assert len(data.load("mnist", folder=tmp_path / "shared").train) == 20
    assert len(data.load("mnist", folder=tmp_path / "shared" / "mnist").train) == 20
    with pytest.raises(DataError, match=r"no files of 'mnist'.*normdrop data get mnist"):
        data.load("mnist", folder=tmp_path / "elsewhere")


def test_the_data_folder_comes_before_the_cache(
    small_mnist: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NORMDROP_DATA first; the cache if the set is not whole there; else every gap is named."""
    source = data.source("mnist")
    monkeypatch.setenv("NORMDROP_DATA", str(tmp_path / "shared"))
    with pytest.raises(DataError) as caught:
        data.locate(source)
    assert str(tmp_path / "shared" / "mnist") in str(caught.value)
    assert str(tmp_path / "cache" / "mnist") in str(caught.value)
    write(tmp_path / "cache" / "mnist", small_mnist)
    assert data.locate(source).cached
    write(tmp_path / "shared" / "mnist", small_mnist)
    assert not data.locate(source).cached
    (tmp_path / "shared" / "mnist" / "t10k-labels-idx1-ubyte").unlink()
    assert data.locate(source).folder == tmp_path / "cache" / "mnist"


def test_the_cache_holds_published_files_only(
    small_mnist: dict[str, bytes], tmp_path: Path
) -> None:
    """A file under a published name with other content is refused, though it would load."""
    write(tmp_path / "cache" / "mnist", small_mnist, ".gz")
    with pytest.raises(DataError, match=r"expected SHA-256 440fcabf.*, found .*data get mnist"):
        data.load("mnist")
    checks = data.verify("mnist")
    assert [check.verdict for check in checks] == ["wrong"] * 4
    assert "published: 440fcabf" in checks[0].message


def test_own_copies_are_verified_against_their_list(
    small_mnist: dict[str, bytes], tmp_path: Path
) -> None:
    """`SHA256SUMS`, beside the files or one folder up, decides; without one a file is unlisted."""
    folder = tmp_path / "own" / "mnist"
    write(folder, small_mnist)
    assert {check.verdict for check in data.verify("mnist", folder=folder)} == {"unlisted"}
    lines = [
        f"{hashlib.sha256(content).hexdigest()}  ./mnist/{name}"
        for name, content in small_mnist.items()
    ]
    (tmp_path / "own" / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    assert {check.verdict for check in data.verify("mnist", folder=folder)} == {"listed"}
    (folder / "SHA256SUMS").write_text(f"{'0' * 64} *t10k-labels-idx1-ubyte\n")
    verdicts = {check.path.name: check.verdict for check in data.verify("mnist", folder=folder)}
    assert verdicts.pop("t10k-labels-idx1-ubyte") == "wrong"
    assert set(verdicts.values()) == {"listed"}
    (folder / "SHA256SUMS").write_text("no checksum\n")
    with pytest.raises(DataError, match="SHA256SUMS, line 1: expected a SHA-256"):
        data.verify("mnist", folder=folder)


def test_verify_reads_what_it_cannot_compare(small_mnist: dict[str, bytes], tmp_path: Path) -> None:
    """A damaged file that no list knows is found by reading it."""
    small_mnist["train-images-idx3-ubyte"] = small_mnist["train-images-idx3-ubyte"][:-5]
    write(tmp_path, small_mnist)
    with pytest.raises(DataError, match="expected 15680 bytes of data"):
        data.verify("mnist", folder=tmp_path)


def test_published_files_are_known(data_folder: Path, tmp_path: Path) -> None:
    """The real files carry the registry's checksums and sizes; a copy in the cache loads."""
    for name in ("mnist", "fashion-mnist", "wine", "concrete"):
        checks = data.verify(name, folder=data_folder)
        assert {check.verdict for check in checks} == {"published"}
        sizes = {download.file: download.size for download in data.source(name).downloads}
        assert {check.path.name: check.path.stat().st_size for check in checks} == sizes
    shutil.copytree(data_folder / "wine", tmp_path / "cache" / "wine")
    assert data.load("wine").checksum == data.load("wine", folder=data_folder).checksum
