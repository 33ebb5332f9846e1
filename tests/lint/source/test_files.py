"""What is read of files: lines, cells of notebooks, and what a `.gitignore` leaves out."""

import json
from pathlib import Path

import pytest

from normdrop.errors import UsageError
from normdrop.lint.rules import check_files, project_settings, selected
from normdrop.lint.source import files

FAULT = "from torch import nn\nnet = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(8))\n"


@pytest.mark.parametrize("line", ["!", "//", "/", "# note", "", "  "])
def test_a_line_that_is_no_pattern_names_nothing(tmp_path: Path, line: str) -> None:
    """As git does, odd lines of a `.gitignore` are passed over, and the others hold."""
    (tmp_path / ".gitignore").write_text(f"{line}\nb.py\n")
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("x = 1\n")
    assert [Path(each).name for each in files([str(tmp_path)])] == ["a.py"]


def test_an_exclusion_that_is_no_pattern_is_refused(tmp_path: Path) -> None:
    """What somebody typed is not passed over."""
    with pytest.raises(UsageError, match="'!' is no pattern"):
        list(files([str(tmp_path)], ["!"]))


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("# [tool.normdrop] goes here\n", False),
        ('[project]\ndescription = "see [tool.normdrop]"\n', False),
        ("[tool.ruff]\n# [tool.normdrop]\n", False),
        ("tool = 3 # [tool.normdrop]\n", False),
        ("[tool]\nnormdrop = 3 # [tool.normdrop]\n", True),
    ],
)
def test_words_about_settings_are_no_settings(tmp_path: Path, text: str, *, refused: bool) -> None:
    """A comment or a string that names the table is none."""
    (tmp_path / "pyproject.toml").write_text(text)
    if refused:
        with pytest.raises(UsageError, match="is a table"):
            project_settings(tmp_path)
    else:
        assert project_settings(tmp_path).select == ()


@pytest.mark.parametrize("blank", ["\f", "\x0b", "\x1c", "\x85", "\u2028"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_only_ends_of_lines_end_lines(tmp_path: Path, blank: str, end: str) -> None:
    """A suppression stands on the line where Python counts it, whatever stands above."""
    lines = [
        f"# a{blank}b",
        "from torch import nn",
        "net = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(8))  # normdrop: ignore[ND101] so",
        "",
    ]
    (tmp_path / "net.py").write_bytes(end.join(lines).encode())
    assert not check_files([str(tmp_path / "net.py")], selected())


@pytest.mark.parametrize(
    "cell",
    [
        "files = !ls data",
        "a, b = !ls",
        "now = %time",
        "%matplotlib inline",
        "!pip install torch",
        "?print",
        "print?",
        "nn.Dropout??",
        "%%bash\nls data | wc",
        "%%time\nx = 1",
        "if True:\n    files = !ls",
    ],
)
def test_a_notebooks_own_syntax_does_nothing(tmp_path: Path, cell: str) -> None:
    """Commands of a notebook are no reason to refuse it, and what follows is read."""
    cells = [{"cell_type": "code", "source": each} for each in (cell, FAULT)]
    (tmp_path / "net.ipynb").write_text(json.dumps({"cells": cells}))
    found = check_files([str(tmp_path / "net.ipynb")], selected())
    assert (found.notes, [each.code for each in found]) == ((), ["ND101"])
    assert str(found[0].location).endswith("cell 2:2:21")


@pytest.mark.parametrize("command", ["time", "timeit", "capture out", "prun"])
def test_cells_of_python_under_a_command_are_read(tmp_path: Path, command: str) -> None:
    """A command that runs a cell of Python does not hide it."""
    cell = {"cell_type": "code", "source": f"%%{command}\n{FAULT}"}
    (tmp_path / "net.ipynb").write_text(json.dumps({"cells": [cell]}))
    assert [each.code for each in check_files([str(tmp_path)], selected())] == ["ND101"]
