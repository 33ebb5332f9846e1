"""`normdrop measure` and `normdrop recalibrate` end to end."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from normdrop.cli import main

_SOURCE = """
import torch
from torch import nn

def network(rate=0.5):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Dropout(rate), nn.BatchNorm1d(16),
                         nn.Linear(16, 10))

def batches():
    torch.manual_seed(0)
    for _ in range(60):
        yield torch.rand(32, 1, 8, 8), torch.zeros(32, dtype=torch.long)

def spoiled():
    yield torch.full((32, 1, 8, 8), float("nan"))

def no_batches():
    return 7

def failing():
    yield torch.rand(32, 1, 8, 8)
    raise OSError("the disk is gone")

def top(outputs, targets):
    return outputs.max()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with models and batches, and the weights of one that has run in train mode."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "net.py").write_text(_SOURCE)
    scope: dict[str, object] = {}
    exec(_SOURCE, scope)  # noqa: S102 - the text above
    torch.manual_seed(0)
    model = scope["network"]()  # type: ignore[operator] # a function
    for x, _ in scope["batches"]():  # type: ignore[operator] # same
        model(x)
    torch.save(model.state_dict(), folder / "weights.pt")
    torch.save(nn.Linear(2, 2).state_dict(), folder / "other.pt")
    torch.save(model, folder / "code.pt")
    return folder


def _run(command: str, folder: Path, *arguments: object, model: str = "network") -> int:
    given = (command, f"{folder}/net.py:{model}", *arguments)
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in given])
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def _weights(folder: Path) -> tuple[str, Path]:
    return "--weights", folder / "weights.pt"


def test_findings_exit_with_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A shift beyond 0.8 is an error: a row with its cause, and status 1."""
    data = ("--data", f"{folder}/net.py:batches", "--blame")
    assert _run("measure", folder, *_weights(folder), *data) == 1
    output = capsys.readouterr().out
    assert "2 (100 %)" in output
    assert "60 batches, 1920 examples" in output


def test_built_in_data_and_the_four_modes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A built-in data set by name, limited; accuracy in four modes; nothing but JSON."""
    more = ("--limit", 3, "--batch-size", 50, "--metric", "accuracy", "--format", "json")
    assert _run("measure", folder, *_weights(folder), "--data", "digits", *more) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["notes"] == ["Over 3 batches, 150 examples in all."]
    assert 0 <= report["modes"]["eval_mode"] <= 1
    assert report["modes"]["metric"] == "accuracy"


def test_the_four_modes_fit_a_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """80 columns, with what explains the gap beneath; a metric of the user's own."""
    more = ("--data", f"{folder}/net.py:batches", "--metric", f"{folder}/net.py:top")
    assert _run("measure", folder, *_weights(folder), *more) == 1
    output = capsys.readouterr().out
    *shown, following = output.splitlines()
    assert max(map(len, shown)) <= 80
    assert following.startswith("Next: normdrop recalibrate")  # to be copied, so never wrapped
    assert "top in four modes" in output
    assert "Noise: with dropout off '3' meets" in output


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_recalibrated_weights_are_written(
    folder: Path, tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The written state dict measures as clean, and the weights are those that were read."""
    out = tmp_path / "new" / f"out{suffix}"
    data = ("--data", f"{folder}/net.py:batches")
    more = ("--method", "exact", "--metric", "loss")
    assert _run("recalibrate", folder, *_weights(folder), *data, *more, "--out", out) == 0
    output = capsys.readouterr().out
    assert f"written: {out}" in output
    assert "loss" in output
    assert _run("measure", folder, "--weights", out, *data) == 0
    state = load_file(out) if suffix == ".safetensors" else torch.load(out)
    before = torch.load(folder / "weights.pt")
    assert state.keys() == before.keys()
    assert torch.equal(state["1.weight"], before["1.weight"])
    assert not torch.equal(state["3.running_var"], before["3.running_var"])


def test_without_data(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A shape in place of data: inversion, as JSON."""
    out = tmp_path / "out.pt"
    more = ("--input-shape", "1,8,8", "--format", "json", "--out", out)
    assert _run("recalibrate", folder, *_weights(folder), *more) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["method"] == "inverted"
    assert record["before"]["layers"][0]["shift"] < 0.8


@pytest.mark.parametrize(
    ("command", "more", "words"),
    [
        ("measure", ("--data", "digit"), "did you mean 'digits'"),
        ("measure", ("--data", "{0}/net.py:nowhere"), "has no 'nowhere'"),
        ("measure", ("--data", "{0}/net.py:no_batches"), "gave a int"),
        ("measure", ("--data", "{0}/net.py:spoiled"), "batch 1 brings NaN"),
        ("measure", ("--data", "{0}/net.py:failing"), "raised OSError after 1"),
        ("measure", ("--data", "digits", "--metric", "top"), "--metric top: one of accuracy"),
        ("measure", ("--data", "digits", "--device", "tpu9"), "--device tpu9"),
        ("measure", ("--data", "digits", "--limit", "0"), "limit"),
        ("measure", ("--data", "digits", "--weights", "{0}/other.pt"), "does not fit"),
        ("measure", ("--data", "digits", "--weights", "{0}/code.pt"), "plain state dict"),
        ("measure", ("--data", "wine"), "batch 1, "),
        ("recalibrate", ("--out", "{1}/o.pt"), "takes --data, or --input-shape"),
        ("recalibrate", ("--out", "{1}/o.onnx", "--data", "digits"), "name the file .pt"),
        ("recalibrate", ("--out", "{1}", "--data", "digits"), "is a folder"),
        ("recalibrate", ("--out", "{1}/o.pt", "--data", "{0}/net.py:failing"), "OSError after 1"),
        ("recalibrate", ("--out", "{1}/o.pt", "--input-shape", "1,x"), "--input-shape 1,x"),
    ],
)
def test_unusable_input_is_one_line(  # noqa: PLR0917 - fixtures, which pytest passes by name
    folder: Path,
    tmp_path: Path,
    command: str,
    more: tuple[str, ...],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Status 2, one line that says it, and no file."""
    assert _run(command, folder, *(each.format(folder, tmp_path) for each in more)) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
