"""A file is written whole or left as it was."""

import subprocess
import sys
from pathlib import Path

import pytest

from normdrop.errors import NormdropError
from normdrop.values.files import write_atomically


def test_writes_text_and_bytes(tmp_path: Path) -> None:
    """Text is UTF-8 with its own line ends, bytes are bytes, folders are made, nothing is left."""
    path = tmp_path / "a" / "b" / "report.html"
    assert write_atomically(path, "Δ\r\n") == path
    assert path.read_bytes() == "Δ\r\n".encode()
    write_atomically(str(path), b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert list(path.parent.iterdir()) == [path]


def test_permissions_are_those_of_a_new_file(tmp_path: Path) -> None:
    """The file can be read by whomever the user's mask lets read, not by its owner alone."""
    plain = tmp_path / "plain"
    plain.write_text("")
    assert write_atomically(tmp_path / "new", "").stat().st_mode == plain.stat().st_mode


def test_a_link_keeps_pointing(tmp_path: Path) -> None:
    """Writing through a link replaces the file it points to."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file where a folder should be, and a folder where the file should be, are named."""
    (tmp_path / "file").write_text("old")
    with pytest.raises(NormdropError, match=r"cannot write .*file/report.html"):
        write_atomically(tmp_path / "file" / "report.html", "new")
    with pytest.raises(NormdropError, match="directory"):
        write_atomically(tmp_path, "new")
    assert (tmp_path / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """A write that the system cuts short raises one sentence and changes nothing.

    A limit on the size of files stands for a full disk: both fail in the middle of the write.
    """
    path = tmp_path / "report.html"
    path.write_text("old")
    code = (
        "import resource, sys\n"
        "from normdrop.errors import NormdropError\n"
        "from normdrop.values.files import write_atomically\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try:\n"
        "    write_atomically(sys.argv[1], 'new' * 100_000)\n"
        "except NormdropError as error:\n"
        "    print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith(f"cannot write {str(path)!r}: File too large")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
