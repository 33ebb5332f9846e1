"""Files keep their encoding, line ends and mode, and are written whole or not at all."""

import json
import re
import shutil
import stat
import subprocess
import sys
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


def notebook(*cells: str | list[str], indent: int | None = 1, end: str = "\n") -> str:
    """A notebook of code cells, behind one of text."""
    book = {
        "cells": [
            {"cell_type": "markdown", "source": ["# größe\n"]},
            *({"cell_type": "code", "outputs": [], "source": each} for each in cells),
        ],
        "nbformat": 4,
    }
    return json.dumps(book, indent=indent, ensure_ascii=False) + end


@pytest.mark.parametrize("indent", [1, 2, None])
@pytest.mark.parametrize("end", ["\n", ""])
@pytest.mark.parametrize("as_list", [True, False])
def test_a_notebook_is_patched_by_cell(
    tmp_path: Path, indent: int | None, end: str, *, as_list: bool
) -> None:
    """Only the cell that is edited changes, and in it only the edited line."""
    cells = [
        "!pip install keras\nfrom keras.layers import Dropout",
        "%matplotlib inline\n# größe\nlayer = Dropout(p=0.5)\n?layer",
        "this is no Python",
    ]
    given = [each.splitlines(keepends=True) if as_list else each for each in cells]
    text = notebook(*given, indent=indent, end=end)
    file = tmp_path / "net.ipynb"
    file.write_text(text)
    (patch,) = patch_files([str(tmp_path)], selected())
    assert [str(each.location) for each in patch.mended] == [f"{file}:cell 3:3:17"]
    assert not patch.left
    write(patch)
    assert file.read_text() == patch.after == text.replace("p=0.5", "rate=0.5")


@pytest.mark.parametrize("cells", [1, 2])
def test_dropout_moves_within_the_cells_of_a_notebook(tmp_path: Path, cells: int) -> None:
    """Also where the layers it passes are added in another cell, in which it then stands."""
    head = ["from keras import Sequential, layers", "model = Sequential()"]
    lines = [
        *("model.add(layers.Dense(8, use_bias=False))", "model.add(layers.Dropout(0.5))"),
        *("model.add(layers.BatchNormalization())", "model.add(layers.Dense(2))"),
    ]
    parts = [[*head, *lines]] if cells == 1 else [[*head, *lines[:2]], lines[2:]]
    file = tmp_path / "net.ipynb"
    file.write_text(notebook(*("\n".join(part) for part in parts)))
    (patch,) = patch_files([str(tmp_path)], selected(), unsafe=True)
    write(patch)
    codes = [each["source"] for each in json.loads(file.read_text())["cells"][1:]]
    after = [*head, lines[0], lines[2], lines[1], lines[3]]
    assert "\n".join(codes).splitlines() == after
    assert not list(patch_files([str(tmp_path)], selected()))


def test_a_notebook_in_a_layout_of_its_own_is_noted(tmp_path: Path) -> None:
    """What cannot be written back as it was is left as it is."""
    text = notebook("from keras.layers import Dropout\nlayer = Dropout(p=0.5)").replace(": ", ":  ")
    (tmp_path / "net.ipynb").write_text(text)
    notes: list[str] = []
    assert not list(patch_files([str(tmp_path)], selected(), notes=notes))
    assert "laid out in no way that can be kept" in notes[0]
    assert (tmp_path / "net.ipynb").read_text() == text


ODD = [
    *("\f", "\f\n", "\n\f\n", "# \u2028 \u2029 \x85\n", "# \x1c\x1d\x1e\n", "# \v\n"),
    *("# no odd line\n", "text = '\u2028'\n"),
]


@pytest.mark.parametrize("program", [("git", "apply", "-p0"), ("patch", "-p0", "--quiet")])
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_a_patch_applies_beside_what_python_takes_for_line_ends(
    tmp_path: Path, program: tuple[str, ...], odd: str, newline: str, *, last: bool
) -> None:
    """Only a line feed ends a line of a patch; what applies gives the text that was promised."""
    if shutil.which(program[0]) is None:
        pytest.fail(f"{program[0]} is needed: install it")
    text = f"{odd}{SOURCE}{odd}layer = Dropout(p=0.1)\n".replace("\n", newline)
    text = text if last else text.rstrip("\r\n")
    file = tmp_path / "net.py"
    file.write_bytes(text.encode())
    (patch,) = patch_files([str(tmp_path)], selected())
    relative = patch.diff().replace(str(file), "net.py")
    binary = ("--binary",) if program[0] == "patch" else ()  # which would drop carriage returns
    subprocess.run([*program, *binary], cwd=tmp_path, input=relative.encode(), check=True)
    assert file.read_bytes().decode() == patch.after == text.replace("p=0", "rate=0")


def test_a_file_of_another_encoding_keeps_no_other_from_being_patched(tmp_path: Path) -> None:
    """What could not be written back as it was is named, and left."""
    command = Path(sys.executable).with_name("normdrop")
    strange = SOURCE.encode("latin-1")
    (tmp_path / "b.py").write_bytes(strange)
    for name in ("a.py", "c.py"):
        (tmp_path / name).write_text(SOURCE)
    done = subprocess.run(
        [command, "fix", "--write", "."], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert re.search(r"^normdrop: b\.py: not patched: .+$", done.stderr, re.MULTILINE)
    assert "Traceback" not in done.stderr
    assert (tmp_path / "b.py").read_bytes() == strange
    assert {(tmp_path / name).read_text() for name in ("a.py", "c.py")} == {
        SOURCE.replace("p=0.5", "rate=0.5")
    }


@pytest.mark.parametrize("joint", [" ", "\n    "])
@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_what_is_left_is_named_where_it_stands(tmp_path: Path, joint: str, blocks: int) -> None:
    """Without --write in the file as it is, with it in the file as it becomes."""
    layers = ["nn.Conv2d(8, 8, 3)", "nn.BatchNorm2d(8)", "nn.ReLU()", "nn.Dropout(p)"] * blocks
    body = f",{joint}".join([*layers, "nn.Conv2d(8, 8, 3)", "nn.BatchNorm2d(8)"])
    text = f"from torch import nn\n\n\ndef block(p=0.3):\n    return nn.Sequential({body})\n"
    (tmp_path / "net.py").write_text(text)
    command = str(Path(sys.executable).with_name("normdrop"))

    def places(*arguments: str) -> set[str]:
        done = subprocess.run(
            [command, *arguments, "net.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        return set(re.findall(r"net\.py:(\d+:\d+)", done.stdout + done.stderr))

    as_it_is = places("check")
    assert places("fix") <= as_it_is
    assert (tmp_path / "net.py").read_text() == text
    left = places("fix", "--unsafe", "--write")
    assert left <= places("check")
