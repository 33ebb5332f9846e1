"""The pre-commit hook and the GitHub Action run what they say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BAD = """\
from torch import nn
model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(8))
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with one bad and one good file."""
    (tmp_path / "bad.py").write_text(BAD)
    (tmp_path / "good.py").write_text("print(1)\n")
    return tmp_path


def run(command: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """A line of shell, with the installed `normdrop` on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "-eu", "-c", command],  # noqa: S607 - the shell the action names
        cwd=folder,
        env=os.environ | {"PATH": path} | settings,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_hook_checks_the_files_it_is_given(files: Path) -> None:
    """pre-commit runs the entry with the names of staged files."""
    hook = (ROOT / ".pre-commit-hooks.yaml").read_text("utf-8")
    (entry,) = re.findall(r"^  entry: (.+)$", hook, re.MULTILINE)
    done = run(f"{entry} good.py bad.py", files)
    assert (done.returncode, done.stderr) == (1, "")
    assert "--> bad.py:2:23" in done.stdout
    assert run(f"{entry} good.py", files).returncode == 0


def test_the_action_annotates_the_lines_at_fault(files: Path) -> None:
    """The last step of the action, with its inputs as it passes them on."""
    action = (ROOT / "action.yml").read_text("utf-8")
    install, check = re.findall(r"^    - run: (.+)$", action, re.MULTILINE)
    assert install == 'python -m pip install "$GITHUB_ACTION_PATH"'
    done = run(check, files, PATHS=".", SELECT="")
    assert done.returncode == 1
    assert done.stdout.startswith("::error file=bad.py,line=2,col=23,title=ND101::")
    assert run(check, files, PATHS="good.py bad.py", SELECT="ND2,ND301").returncode == 0
