"""`normdrop predict` end to end: rows, statuses, and one line for whatever is wrong."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from normdrop.cli import main

_MODEL = """
from torch import nn

def network(width=8, rate=0.5):
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.Dropout(rate), nn.BatchNorm2d(width))

def broken():
    raise ValueError("no weights here")

def number():
    return 7

constant = 3
"""


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """A Python file that defines models."""
    path = tmp_path / "predicted_models.py"
    path.write_text(_MODEL)
    return path


def _run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in ("predict", *arguments)])
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def _shape(text: str = "3,8,8") -> tuple[str, str]:
    return "--input-shape", text


def test_findings_exit_with_1(model_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A shift beyond 0.8 is an error: a row with its cause, and status 1."""
    assert _run(f"{model_file}:network", *_shape()) == 1
    output = capsys.readouterr().out
    assert "error" in output
    assert "1 (100 %)" in output


def test_clean_exits_with_0(model_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without dropout there is nothing to find; arguments reach the callable."""
    assert _run(f"{model_file}:network", *_shape(), "--with", "rate=0.0") == 0
    assert capsys.readouterr().out.startswith("✓ ok: 1 norm layer within 5 %")


@pytest.mark.parametrize("method", ["moments", "simulate", "invert"])
def test_every_method_can_be_asked_for(
    method: str, model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report says which method made it."""
    asked = ("--method", method, "--format", "json")
    assert _run(f"{model_file}:network", *_shape(), *asked) == 1
    assert json.loads(capsys.readouterr().out)["method"] == method


def test_json_is_the_report(model_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON has per-channel numbers and nothing else on standard output."""
    assert _run(f"{model_file}:network", *_shape(), "--with", "width=4", "--format", "json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["method"] == "simulate"
    assert len(report["layers"][0]["eval_variance"]) == 4


def test_package_factory(
    model_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`package.module:callable` is looked up from the current folder too."""
    monkeypatch.chdir(model_file.parent)
    monkeypatch.setattr("sys.path", ["/nowhere"])
    assert _run("predicted_models:network", *_shape()) == 1
    assert "simulated" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_weights_choose_the_method(
    model_file: Path, tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trained statistics are inverted; both file formats are read."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Dropout(0.5), nn.BatchNorm2d(8))
    with torch.no_grad():
        for _ in range(100):
            model(torch.randn(16, 3, 8, 8))
    path = tmp_path / f"weights{suffix}"
    save_file(model.state_dict(), path) if suffix == ".safetensors" else torch.save(
        {"state_dict": model.state_dict()}, path
    )
    assert _run(f"{model_file}:network", *_shape(), "--weights", path, "--format", "json") == 1
    assert json.loads(capsys.readouterr().out)["method"] == "invert"


@pytest.mark.parametrize(
    ("factory", "more", "words"),
    [
        ("{file}", (), "names no callable"),
        ("{file}:missing", (), "has no 'missing'"),
        ("{file}:constant", (), "no callable but a int"),
        ("{file}:broken", (), "ValueError: no weights here"),
        ("{file}:number", (), "not int"),
        ("{file}:network", ("--with", "depth=3"), "unexpected keyword"),
        ("{file}:network", ("--with", "width"), "name=value"),
        ("{file}:network", ("--weights", "gone.pt"), "gone.pt: no such file"),
        ("nowhere.py:network", (), "nowhere.py: no such file"),
        ("no_such_package:network", (), "cannot be imported"),
    ],
)
def test_unusable_input_is_one_line(
    model_file: Path,
    factory: str,
    more: tuple[str, ...],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever is wrong with the factory or its arguments: status 2 and one line that says it."""
    assert _run(factory.format(file=model_file), *_shape(), *more) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("shape", ["3,x,8", "3,0,8", "", "3;8;8"])
def test_shapes_that_are_none(
    model_file: Path, shape: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shape that does not parse is quoted."""
    assert _run(f"{model_file}:network", *_shape(shape)) == 2
    assert f"--input-shape {shape}" in capsys.readouterr().err


def test_wrong_shape_names_the_module(model_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The model's own error comes with the module's path, in one line."""
    assert _run(f"{model_file}:network", *_shape("4,8,8")) == 2
    error = capsys.readouterr().err
    assert error.startswith("normdrop: 0: ")
    assert error.count("\n") == 1


def test_weights_that_do_not_fit(
    model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another model's weights, and files that hold no plain tensors, are refused by name."""
    other, code, text = tmp_path / "other.pt", tmp_path / "code.pt", tmp_path / "text.safetensors"
    torch.save(nn.Linear(2, 2).state_dict(), other)
    torch.save(nn.Linear(2, 2), code)
    text.write_text("not tensors")
    for path, words in ((other, "does not fit"), (code, "plain state dict"), (text, "no safet")):
        assert _run(f"{model_file}:network", *_shape(), "--weights", path) == 2
        error = capsys.readouterr().err
        assert words in error
        assert str(path) in error
        assert error.count("\n") == 1
