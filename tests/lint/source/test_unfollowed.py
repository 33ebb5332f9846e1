"""Where following stops, a check says so."""

import subprocess
import sys
from pathlib import Path

from normdrop.lint.rules import check_files, selected

_LONG = "        x = x + 1\n"
_NET = """import torch.nn as nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop, self.norm = nn.Dropout(0.5), nn.BatchNorm1d(8)
    def forward(self, x):
{steps}        return self.norm(self.drop(x))
"""


def _scope(folder: Path, steps: int) -> tuple[str, ...]:
    (folder / "net.py").write_text(_NET.format(steps=_LONG * steps), "utf-8")
    return check_files([str(folder / "net.py")], selected()).scope.unfollowed


def test_a_model_that_is_too_long_is_named(tmp_path: Path) -> None:
    """By file, line and name; a short one is not."""
    assert _scope(tmp_path, 3) == ()
    (said,) = _scope(tmp_path, 7000)
    assert said == f"{tmp_path / 'net.py'}:2:1: Net does more than is followed"


def test_the_command_counts_such_places_and_names_them_when_asked(tmp_path: Path) -> None:
    """The last line counts them; `--verbose` names each."""
    assert _scope(tmp_path, 7000)
    command = [str(Path(sys.executable).with_name("normdrop")), "check", str(tmp_path)]
    brief = subprocess.run(command, capture_output=True, text=True, check=False)
    long = subprocess.run([*command, "--verbose"], capture_output=True, text=True, check=False)
    assert "1 place not followed to its end" in brief.stdout
    assert brief.stderr == ""
    assert "net.py:2:1: Net does more than is followed" in long.stderr
