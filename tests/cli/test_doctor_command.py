"""`normdrop doctor` through the installed entry point."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

_NORMDROP = Path(sys.executable).with_name("normdrop")
_FILE = """
import torch
from torch import nn

def net(rate=0.5):
    return nn.Sequential(
        nn.Linear(8, 32, bias=False), nn.Dropout(rate), nn.BatchNorm1d(32), nn.ReLU(),
        nn.Linear(32, 2),
    )

def data():
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        x = torch.randn(64, 8, generator=generator)
        yield x, (x.mean(1) > 0).long()
"""


def _net() -> nn.Sequential:
    layers = nn.Linear(8, 32, bias=False), nn.Dropout(0.5), nn.BatchNorm1d(32)
    return nn.Sequential(*layers, nn.ReLU(), nn.Linear(32, 2))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file with a network and data, and weights whose statistics have settled."""
    (tmp_path / "net.py").write_text(_FILE, encoding="utf-8")
    torch.manual_seed(0)
    model = _net()
    with torch.no_grad():
        for _ in range(100):
            model(torch.randn(64, 8))
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    return tmp_path


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(_NORMDROP), "doctor", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"COLUMNS": "80", "PATH": "", "OMP_NUM_THREADS": "1"},
    )


def test_tells_the_story_and_writes_what_is_asked_for(folder: Path) -> None:
    """Status 1, four chapters of 80 columns, mended weights that load, and a page."""
    result = _run(
        folder,
        *("net.py:net", "--weights", "weights.pt", "--data", "net.py:data"),
        *("--metric", "accuracy", "--out", "out/mended.safetensors", "--report", "page.html"),
    )
    assert result.returncode == 1, result.stderr
    assert result.stderr == ""
    titles = ["What is wrong with net.py:net", "What it costs", "What was done"]
    places = [result.stdout.index(title) for title in (*titles, "What it costs now")]
    assert places == sorted(places)
    assert "accuracy is" in result.stdout
    assert max(map(len, result.stdout.splitlines()[:-2])) <= 80
    assert (folder / "page.html").read_text("utf-8").startswith("<!doctype html>")
    from safetensors.torch import load_file

    model = _net()
    model.load_state_dict(load_file(folder / "out" / "mended.safetensors"))
    first, norm = model[0], model[2]
    assert isinstance(first, nn.Linear)
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_var is not None
    # inputs of variance 1 give each unit the squared norm of its weights
    expected = first.weight.detach().square().sum(1).mean().item()
    assert norm.running_var.mean().item() == pytest.approx(expected, rel=0.05)


def test_json_holds_the_whole_diagnosis(folder: Path) -> None:
    """Shifts before and after, as numbers."""
    result = _run(
        folder,
        *("net.py:net", "--weights", "weights.pt", "--data", "net.py:data", "--format", "json"),
    )
    content = json.loads(result.stdout)
    assert content["treatment"] == "recalibrated"
    assert content["before"]["layers"][0]["shift"] == pytest.approx(0.5, abs=0.05)
    assert content["after"]["layers"][0]["shift"] == pytest.approx(1.0, abs=0.01)


def test_a_clean_model_exits_with_zero(folder: Path) -> None:
    """Without dropout there is nothing to find in fresh weights."""
    result = _run(folder, "net.py:net", "--with", "rate=0.0", "--data", "net.py:data")
    assert result.returncode == 0, result.stderr
    assert "Nothing was changed." in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("net.py:net", "--data", "net.py:data", "--out", "x.bin"), "name the file .pt"),
        (("net.py:net", "--data", "nowhere"), "nowhere"),
        (("net.py:net", "--data", "net.py:data", "--weights", "gone.pt"), "gone.pt"),
        (("net.py:data", "--data", "net.py:data"), "torch.nn.Module"),
    ],
)
def test_unusable_input_is_one_line(folder: Path, arguments: tuple[str, ...], words: str) -> None:
    """Status 2, and one line that names the thing."""
    result = _run(folder, *arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert words in result.stderr
