"""`normdrop view` end to end: the tree, the page, the picture, and wrong inputs beside them."""

import json
from pathlib import Path

import pytest

from normdrop.cli import main

_MODEL = """
import torch
from torch import nn

def network(rate=0.5):
    return nn.Sequential(nn.Linear(8, 8), nn.Sequential(nn.Dropout(rate), nn.BatchNorm1d(8)))

def batches():
    for _ in range(3):
        yield torch.randn(16, 8)
"""


@pytest.fixture
def factory(tmp_path: Path) -> str:
    """A file with a model, and data for it."""
    file = tmp_path / "viewed_models.py"
    file.write_text(_MODEL)
    return f"{file}:network"


def _run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in ("view", *arguments)])
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


@pytest.mark.parametrize("width", [80, 120])
def test_the_tree_fits_the_terminal(
    factory: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verdict first, then a row for each module."""
    monkeypatch.setenv("COLUMNS", str(width))
    assert _run(factory, "--input-shape", "8") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("✗ 1 of 1 norm layer is off by more than 20 %")
    assert "│" not in shown.splitlines()[-1]
    assert "1 BatchNorm1d" in shown
    assert max(map(len, shown.splitlines())) <= width


def test_a_page_and_a_picture(factory: str, tmp_path: Path) -> None:
    """The name of the file says which."""
    for name, opening in (("map.html", "<!doctype html>"), ("map.svg", "<svg")):
        assert _run(factory, "--input-shape", "8", "--out", tmp_path / name) == 0
        assert (tmp_path / name).read_text("utf-8").startswith(opening)
    assert _run(factory, "--input-shape", "8", "--module", "1", "--out", tmp_path / "b.svg") == 0
    assert "from 0" in (tmp_path / "b.svg").read_text("utf-8")


def test_depth(factory: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Modules below are counted with those they are in."""
    assert _run(factory, "--input-shape", "8", "--depth", "1") == 0
    assert "BatchNorm1d" not in capsys.readouterr().out


def test_data_are_measured(factory: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Fresh statistics hold 1; the shift is what the batches show."""
    data = factory.replace("network", "batches")
    assert _run(factory, "--data", data, "--limit", "2", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["norms"][0]["path"] == "1.1"
    assert found["noises"] == [{"path": "1.0", "number": 1, "reaches": ["1.1"]}]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "--input-shape"),
        (("--input-shape", "8", "--metric", "mse"), "--data"),
        (("--input-shape", "8", "--module", "1.1", "--out", "b.svg"), "1.1"),
        (("--input-shape", "8", "--module", "1"), "--out"),
        (("--input-shape", "8", "--out", "map.pdf"), ".svg"),
    ],
)
def test_wrong_inputs_are_named(
    factory: str,
    arguments: tuple[str, ...],
    named: str,
    *,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """One line, and the way out."""
    monkeypatch.chdir(tmp_path)
    assert _run(factory, *arguments) == 2
    assert named in capsys.readouterr().err
