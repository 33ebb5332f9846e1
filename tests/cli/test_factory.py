"""Users' own code on the command line: what it may import, and what becomes of it when it exits."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from normdrop.cli import main

_MODEL = """
from torch import nn, randn

class Net(nn.Sequential):
    def forward(self, x):
        {forward}
        return super().forward(x)

def network():
    {network}
    return Net(nn.Linear(4, 4), nn.Dropout(0.5), nn.BatchNorm1d(4))

def batches():
    {batches}
    for _ in range(3):
        yield randn(8, 4), randn(8, 4)
        {rest}

def metric(outputs, targets):
    {metric}
    return ((outputs - targets) ** 2).mean()

{module}
"""


@pytest.fixture(autouse=True)
def _modules_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command imports for good; a test does not."""
    monkeypatch.setattr("sys.path", [*sys.path])
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def _status(*arguments: object) -> object:
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return exit_.value.code


def _written(folder: Path, **lines: str) -> Path:
    """A file with a model, its batches and a metric, and a line more in one of them."""
    places = ("forward", "network", "batches", "rest", "metric", "module")
    file = folder / "exiting_models.py"
    file.write_text(_MODEL.format(**{place: lines.get(place, "pass") for place in places}))
    return file


@pytest.mark.parametrize("code", ["0", "", "1", "3", "'no weights'"])
@pytest.mark.parametrize("place", ["forward", "network", "batches", "rest", "metric", "module"])
def test_code_that_exits_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str, code: str
) -> None:
    """Wherever it does, and with whatever status: a pipeline must not pass with nothing done."""
    file = _written(tmp_path, **{place: f"import sys; sys.exit({code})"})
    data = ("--data", f"{file}:batches", "--metric", f"{file}:metric")
    assert _status("measure", f"{file}:network", *data) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "exit" in captured.err.lower()
    assert captured.out == ""


def test_code_that_does_not_exit_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same model, batches and metric without it."""
    file = _written(tmp_path)
    data = ("--data", f"{file}:batches", "--metric", f"{file}:metric")
    assert _status("measure", f"{file}:network", *data) in {0, 1}
    assert capsys.readouterr().out


@pytest.mark.parametrize("command", ["check", "predict", "fix"])
@pytest.mark.parametrize("factory", ["{file}:network", "exiting_models:network"])
def test_files_and_packages_that_exit_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    factory: str,
) -> None:
    """By every command that makes a model, with the factory's name."""
    monkeypatch.chdir(tmp_path)
    named = factory.format(file=_written(tmp_path, module="raise SystemExit(0)"))
    assert _status(command, named, "--input-shape", "4") == 2
    error = capsys.readouterr().err
    assert f"{named.partition(':')[0]} cannot be imported: SystemExit: 0" in error


def test_a_recipe_that_exits_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script that ends with its own status is no recipe."""
    file = tmp_path / "exiting_recipe.py"
    file.write_text("import sys\n\nsys.exit(0)\n")
    assert _status("compare", file, "--store", tmp_path / "s.sqlite") == 2
    assert "exiting_recipe.py: cannot be run: SystemExit: 0" in capsys.readouterr().err


_PARTS = "from torch import nn\n\ndef block(a):\n    return nn.Sequential(nn.Linear(a, a))\n"
_AT_THE_TOP = "from {parts} import block\n\ndef make():\n    return block(4)\n"
_WHEN_CALLED = "def make():\n    from {parts} import block\n\n    return block(4)\n"


@pytest.mark.parametrize("text", [_AT_THE_TOP, _WHEN_CALLED], ids=["at the top", "when called"])
@pytest.mark.parametrize("file", ["parts_of_it.py", "its_package/__init__.py", "its_dir/part.py"])
@pytest.mark.parametrize("named", ["work/net.py", "other/../work/net.py", "{folder}/work/net.py"])
def test_what_lies_beside_a_file_can_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, file: str, named: str
) -> None:
    """As in a script, whatever the current folder."""
    for folder in ("work", "other"):
        (tmp_path / folder).mkdir()
    (tmp_path / "work" / file).parent.mkdir(exist_ok=True)
    (tmp_path / "work" / file).write_text(_PARTS)
    parts = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    (tmp_path / "work" / "net.py").write_text(text.format(parts=parts))
    monkeypatch.chdir(tmp_path)
    assert _status("predict", f"{named.format(folder=tmp_path)}:make", "--input-shape", "4") == 0


def test_what_lies_elsewhere_cannot_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A module that is missing beside the file is missing."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "missing_from_factory.py").write_text(_PARTS)
    (tmp_path / "net.py").write_text(_AT_THE_TOP.format(parts="missing_from_factory"))
    monkeypatch.chdir(tmp_path)
    assert _status("predict", "net.py:make", "--input-shape", "4") == 2
    assert "No module named 'missing_from_factory'" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["predict", "check", "fix"])
def test_a_command_says_the_same_each_time(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights that a factory draws are the same each time, whatever was drawn before."""
    file = _written(tmp_path)
    told = set()
    for before in range(3):
        torch.manual_seed(before)
        assert _status(verb, f"{file}:network", "--input-shape", "4") in {0, 1}
        told.add(capsys.readouterr().out)
    assert len(told) == 1
