"""`normdrop fix` end to end: patches shown and written, models mended, statuses and errors."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import normdrop
from normdrop.cli import main

_BAD = """from torch import nn

net = nn.Sequential(
    nn.Linear(8, 8, bias=False),
    nn.Dropout(0.5),
    nn.BatchNorm1d(8),
    nn.ReLU(),
    nn.Linear(8, 2),
)
"""
_MODEL = """
from torch import nn

def network(rate=0.5, width=8):
    return nn.Sequential(
        nn.Linear(8, width), nn.Dropout(rate), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 2)
    )
"""


def _run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in ("fix", *arguments)])
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A file with dropout before a norm."""
    path = tmp_path / "net.py"
    path.write_text(_BAD)
    return path


@pytest.fixture
def factory(tmp_path: Path) -> str:
    """A callable that makes such a model."""
    path = tmp_path / "fixed_models.py"
    path.write_text(_MODEL)
    return f"{path}:network"


def test_shows_a_patch_that_patch_applies(bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --write the file stays; what is printed is a patch, to the byte."""
    assert _run(bad, "--unsafe") == 1
    shown = capsys.readouterr()
    assert bad.read_text() == _BAD
    assert "1 would be mended (ND101)" in shown.err
    subprocess.run(
        ["patch", "-s", str(bad)],  # noqa: S607 - the tool of that name
        input=shown.out,
        text=True,
        check=True,
    )
    assert "nn.ReLU(),\n    nn.Dropout(0.5),\n" in bad.read_text()


def test_writes_and_is_done(bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 0 once all is mended; a second run has nothing to do."""
    assert _run(bad, "--unsafe", "--write") == 0
    assert capsys.readouterr().out == ""
    written = bad.read_text()
    assert _run(bad, "--unsafe", "--write") == 0
    assert bad.read_text() == written
    assert "mended" not in capsys.readouterr().err


def test_what_is_unsafe_is_named_with_its_flag(
    bad: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By default nothing changes what a model computes."""
    assert _run(bad, "--write") == 1
    assert bad.read_text() == _BAD
    assert "--unsafe mends it" in capsys.readouterr().err


def test_remove_bias_is_a_flag_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Outputs stay, and keys of the state dict go."""
    path = tmp_path / "net.py"
    path.write_text("from torch import nn\nn = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))\n")
    assert _run(path) == 1
    assert "--remove-bias mends it" in capsys.readouterr().err
    assert _run(path, "--remove-bias", "--write") == 0
    assert "nn.Linear(2, 2, bias=False)" in path.read_text()


def test_select_and_ignore(bad: Path) -> None:
    """Only what is chosen is mended and counts."""
    assert _run(bad, "--unsafe", "--ignore", "ND1") == 0
    assert _run(bad, "--unsafe", "--select", "ND2", "--write") == 0
    assert bad.read_text() == _BAD


def test_a_model_and_its_weights(
    factory: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights in, mended weights out: the same outputs, and the biases at zero."""
    sys.path.insert(0, str(tmp_path))
    try:
        import fixed_models  # type: ignore[import-not-found] # written by the fixture
    finally:
        sys.path.pop(0)
    torch.manual_seed(0)
    model: nn.Module = fixed_models.network()
    for _ in range(3):
        model(torch.randn(32, 8))
    torch.save(model.state_dict(), tmp_path / "in.pt")
    out = tmp_path / "out.safetensors"
    shape = ("--input-shape", "8")
    assert _run(factory, *shape, "--weights", tmp_path / "in.pt", "--out", out) == 1
    shown = capsys.readouterr().out
    assert "moved to the head" in shown
    assert max(map(len, shown.splitlines())) <= 80
    state = load_file(out)
    assert not state["0.bias"].any()
    mended = normdrop.fix(fixed_models.network(), (8,)).model.eval()
    mended.load_state_dict(state)
    x = torch.randn(4, 8)
    torch.testing.assert_close(mended(x), model.eval()(x), rtol=1e-4, atol=1e-4)


def test_model_statuses_and_json(factory: str, capsys: pytest.CaptureFixture[str]) -> None:
    """0 with nothing left, 1 with something; as JSON too."""
    shape = ("--input-shape", "8")
    assert _run(factory, *shape, "--remove-bias") == 0
    capsys.readouterr()
    assert _run(factory, *shape, "--move", "1=keep", "--format", "json") == 1
    told = json.loads(capsys.readouterr().out)
    assert {each["code"] for each in told["remaining"]} == {"ND101"}
    assert _run(factory, *shape, "--move", "uniform", "--with", "rate=0.3", "--remove-bias") == 0
    assert "UniformDropout" in capsys.readouterr().out


def test_a_repair_is_tried_on_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Trained with and without; the answer is shown, and is part of the JSON."""
    path = tmp_path / "tried_models.py"
    path.write_text(
        _MODEL.replace("nn.Linear(8", "nn.Flatten(), nn.Linear(64").replace(", 2)", ", 10)")
    )
    given = (f"{path}:network", "--input-shape", "1,8,8", "--try", "digits")
    few = ("--seeds", "1", "--epochs", "1", "--minutes", "0.5")
    assert _run(*given, *few, "--remove-bias", "--format", "json") == 0
    proof = json.loads(capsys.readouterr().out)["proof"]
    assert proof["verdict"] == "too few seeds"
    assert proof["before"] != proof["after"]
    assert _run(path, "--try", "digits") == 2
    assert "--try" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.py"], "does not exist"),
        (["{factory}"], "add --input-shape"),
        (["{factory}", "--input-shape", "x"], "positive numbers"),
        (["{factory}", "--input-shape", "8", "--write"], "are for files"),
        (["{factory}", "--input-shape", "8", "--move", "up"], "no move is called 'up'"),
        (["{factory}", "--input-shape", "8", "--move", "up", "--move", "head"], "PATH=MOVE"),
        (["{factory}", "--input-shape", "9"], "raised RuntimeError"),
        (["{factory}", "{bad}", "--input-shape", "8"], "by itself"),
        (["{bad}", "--input-shape", "8"], "are for a FACTORY"),
        (["{bad}", "--select", "ND9999"], "no rule is called"),
        (["{bad}", "--out", "weights.pt"], "are for a FACTORY"),
    ],
)
def test_bad_use_is_one_line(  # noqa: PLR0917 - pytest passes them by name
    arguments: list[str],
    said: str,
    factory: str,
    bad: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Status 2, one line that says what to do, and files as they were."""
    monkeypatch.chdir(bad.parent)
    filled = [each.format(factory=factory, bad=bad) for each in arguments]
    assert _run(*filled) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert bad.read_text() == _BAD


def test_colours_only_where_there_are_any(bad: Path) -> None:
    """The installed command, piped: no escape codes, and a folder works as a file does."""
    command = [str(Path(sys.executable).with_name("normdrop")), "fix", "--unsafe", str(bad.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert done.stdout.startswith("--- ")


def test_options_of_a_file(bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All that could become of its dropout, as a table or as JSON; the file stays."""
    assert _run("--options", bad) == 0
    shown = capsys.readouterr().out
    for move in ("keep", "head", "lower", "uniform", "remove"):
        assert move in shown
    assert _run("--options", "--format", "json", bad) == 0
    options = json.loads(capsys.readouterr().out)["options"]
    assert [each["move"] for each in options if each["chosen"]] == ["head"]
    assert bad.read_text() == _BAD


def test_options_of_a_model(factory: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same of what a callable makes."""
    assert _run("--options", "--format", "json", "--input-shape", "8", factory) == 0
    options = json.loads(capsys.readouterr().out)["options"]
    assert {each["layer"] for each in options} == {"1"}
    assert [each["move"] for each in options if each["chosen"]] == ["head"]


def test_a_preferred_move_is_written(bad: Path) -> None:
    """The rate that leaves no warning, in the file."""
    assert _run("--unsafe", "--write", "--prefer", "lower", bad) == 0
    assert bad.read_text() == _BAD.replace("0.5", "0.04")


@pytest.mark.parametrize("target", ["file", "model"])
def test_a_misspelt_preference_is_told_what_was_meant(
    bad: Path, factory: str, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Usage, for files and for models."""
    arguments = [bad] if target == "file" else ["--input-shape", "8", factory]
    assert _run("--prefer", "lowr", *arguments) == 2
    assert "did you mean 'lower'" in capsys.readouterr().err
