"""`normdrop check -`, as an editor calls it."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from normdrop.cli import main

_BAD = b"from torch import nn\nmodel = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(8))\n"
_CLEAN = b"from torch import nn\nmodel = nn.Sequential(nn.BatchNorm1d(8), nn.Dropout(0.5))\n"


def _run(monkeypatch: pytest.MonkeyPatch, typed: bytes, *arguments: str) -> int:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(typed)))
    with pytest.raises(SystemExit) as exit_:
        main(["check", *arguments])
    return int(str(exit_.value.code))


@pytest.mark.parametrize(("typed", "status"), [(_BAD, 1), (_CLEAN, 0), (b"", 0), (_BAD + b"(", 2)])
def test_what_is_typed_is_checked(
    typed: bytes, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a file would be, also when it is empty or no Python."""
    assert _run(monkeypatch, typed, "-") == status


@pytest.mark.parametrize("name", ["net.py", "src/net.py", "{0}/src/net.py", "/elsewhere/net.py"])
def test_it_goes_by_its_name(
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The line is shown, places are named as given, and nothing is written beside them."""
    monkeypatch.chdir(tmp_path)
    given = name.format(tmp_path)
    shown = "src/net.py" if "src" in name else "net.py"
    assert _run(monkeypatch, _BAD, "-", "--stdin-filename", given) == 1
    out = capsys.readouterr().out
    assert f"--> {shown}:2:23" in out
    assert "^^^^^^^^^^" in out
    assert _run(monkeypatch, _BAD, "-", "--stdin-filename", given, "--format", "json") == 1
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert found["location"]["file"] == shown
    assert list(tmp_path.iterdir()) == []
    assert Path.cwd() == tmp_path


def test_settings_and_reports_are_those_of_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Though the text is read elsewhere."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.normdrop]\nignore = ["ND1"]\n')
    assert _run(monkeypatch, _BAD, "-", "--report", "page.html") == 0
    assert (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    "arguments", [("net.py", "--stdin-filename", "a.py"), ("-", "--stdin-filename", "../a.py")]
)
def test_wrong_inputs(
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line that names the option."""
    assert _run(monkeypatch, _CLEAN, *arguments) == 2
    assert "--stdin-filename" in capsys.readouterr().err
