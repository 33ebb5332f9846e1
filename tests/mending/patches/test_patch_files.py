"""Files keep their encoding, line ends and mode, and are written whole or not at all."""

import stat
from pathlib import Path

import pytest

from normdrop.lint.rules import selected
from normdrop.mending.patches import patch_files, write

SOURCE = '# größe\nfrom keras.layers import Dropout\nlayer = Dropout(p=0.5)  # "ü"\n'


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_only_the_edited_bytes_change(
    tmp_path: Path, encoding: str, newline: str, *, last: bool
) -> None:
    """Encodings, marks, line ends and a missing last one: all as they were."""
    text = SOURCE if encoding != "latin-1" else f"# coding: latin-1\n{SOURCE}"
    text = text.replace("\n", newline) if last else text.rstrip("\n").replace("\n", newline)
    file = tmp_path / "net.py"
    file.write_bytes(text.encode(encoding))
    file.chmod(0o750)
    (patch,) = patch_files([str(tmp_path)], selected())
    write(patch)
    assert file.read_bytes() == text.replace("p=0.5", "rate=0.5").encode(encoding)
    assert stat.S_IMODE(file.stat().st_mode) == 0o750
    assert list(tmp_path.iterdir()) == [file]


def test_clean_files_yield_no_patch(tmp_path: Path) -> None:
    """A folder without findings is none to look at."""
    (tmp_path / "clean.py").write_text("print('Dropout')\n")
    assert not list(patch_files([str(tmp_path)], selected()))


def test_files_that_cannot_be_read_are_noted(tmp_path: Path) -> None:
    """One broken file is a note, and stops no other."""
    (tmp_path / "a.py").write_text("from torch import nn\nnn.Dropout(\n")
    (tmp_path / "b.py").write_text(SOURCE)
    notes: list[str] = []
    (patch,) = patch_files([str(tmp_path)], selected(), notes=notes)
    assert patch.path.endswith("b.py")
    assert len(notes) == 1
    assert "a.py" in notes[0]


def test_a_notebook_is_left_with_an_instruction(tmp_path: Path) -> None:
    """Cells are no file to patch."""
    code = '["from keras.layers import Dropout\\n", "layer = Dropout(p=0.5)\\n"]'
    notebook = f'{{"cells": [{{"cell_type": "code", "source": {code}}}]}}'
    (tmp_path / "net.ipynb").write_text(notebook)
    (patch,) = patch_files([str(tmp_path)], selected())
    assert not patch.changes
    assert [left.reason for left in patch.left] == ["a notebook is not patched: write rate="]
