"""Models and data as users have them: arrays, folders, pairs, libraries, packages."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from normdrop.cli import main

_MODEL = """
import numpy as np
import torch
from torch import nn

def images():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(0.5), nn.BatchNorm2d(4), nn.Flatten(),
                         nn.Linear(144, 2))

def vectors():
    return nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.5), nn.BatchNorm1d(4), nn.Linear(4, 2))

def pair():
    return np.random.default_rng(0).normal(size=(40, 5)), np.arange(40) % 2

def tensors():
    return torch.randn(40, 5), torch.arange(40) % 2

def loader():
    data = torch.utils.data.TensorDataset(torch.randn(40, 5), torch.arange(40) % 2)
    return torch.utils.data.DataLoader(data, batch_size=10)

def dicts():
    yield {"x": torch.randn(8, 5)}
"""


@pytest.fixture(autouse=True)
def _modules_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command imports for good; a test does not."""
    monkeypatch.setattr("sys.path", [*sys.path])
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def net(tmp_path: Path) -> str:
    """A file with models and data."""
    file = tmp_path / "own_net.py"
    file.write_text(_MODEL)
    return str(file)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Twelve images of two classes, six rows and eight columns large, white and black."""
    for name, value in (("cats", 255), ("dogs", 0)):
        folder = tmp_path / "pictures" / "train" / name
        folder.mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (8, 8), (value, value, value)).save(folder / f"{number}.png")
    return tmp_path / "pictures"


def _measured(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, object]:
    with pytest.raises(SystemExit) as exit_:
        main([str(each) for each in ("measure", *arguments, "--format", "json")])
    said = capsys.readouterr()
    assert exit_.value.code in {0, 1}, said.err
    found: dict[str, object] = json.loads(said.out)
    return found


def _refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as exit_:
        main([str(each) for each in arguments])
    assert exit_.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize("data", ["pair", "tensors", "loader"])
def test_a_callable_gives_a_pair_or_batches(
    net: str, data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """All forty rows are read, with their targets."""
    found = _measured(
        capsys,
        f"{net}:vectors",
        "--data",
        f"{net}:{data}",
        "--metric",
        "accuracy",
        "--batch-size",
        10,
    )
    assert "40" in str(found["notes"])
    assert found["modes"] is not None


@pytest.mark.parametrize(
    "names", [("x", "y"), ("X_train", "y_train"), ("images", "labels"), ("data", "target")]
)
@pytest.mark.parametrize("kind", ["uint8", "float64", "float32"])
def test_a_file_of_arrays(
    net: str,
    names: tuple[str, str],
    kind: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Under the names that are usual; bytes are read as numbers in [0, 1]."""
    rows = np.full((20, 5), 255 if kind == "uint8" else 1, dtype=kind)
    rows[::2] = 0
    arrays = {names[0]: rows, names[1]: np.arange(20) % 2}
    np.savez(tmp_path / "rows.npz", **arrays)  # type: ignore[arg-type] # numpy's option is a bool
    found = _measured(
        capsys, f"{net}:vectors", "--data", tmp_path / "rows.npz", "--metric", "accuracy"
    )
    assert "20" in str(found["notes"])


def test_a_folder_of_images(net: str, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One folder a class; of `train` and `test` the one of the split."""
    found = _measured(capsys, f"{net}:images", "--data", pictures, "--metric", "accuracy")
    assert "12" in str(found["notes"])
    assert "no images" in _refused(
        capsys, "measure", f"{net}:images", "--data", pictures / "train" / "cats"
    )


def test_normalize_moves_and_scales(
    net: str, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By half, white is 1 and black -1: twice the deviation, four times the variance."""
    data = (f"{net}:images", "--data", pictures)
    script = "import torch; torch.manual_seed(0)\n"
    Path(net).write_text(script + Path(net).read_text())

    def variance(*more: str) -> float:
        layers = _measured(capsys, *data, *more)["layers"]
        return float(np.mean(layers[0]["eval_variance"]))  # type: ignore[index] # JSON

    assert variance("--normalize", "half") > variance() * 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("imagnet", "imagenet, cifar-10"),
        ("0.5/0", "is positive"),
        ("0.5,0.5/0.5,0.5", "the inputs have 3 channels"),
        ("0.5", "MEAN/DEVIATION"),
        ("nan/1", "MEAN/DEVIATION"),
    ],
)
def test_wrong_scales(
    net: str, pictures: Path, given: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line that says what is taken."""
    command = ("measure", f"{net}:images", "--data", pictures, "--normalize", given)
    assert said in _refused(capsys, *command)


def test_wrong_arrays(net: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is in the file is named; inputs that are no array are not scaled."""
    np.savez(tmp_path / "odd.npz", rows=np.zeros(3))
    odd = ("measure", f"{net}:vectors", "--data")
    assert "has the arrays rows" in _refused(capsys, *odd, tmp_path / "odd.npz")
    np.savez(tmp_path / "odd.npz", x=np.zeros((3, 5)), y=np.zeros(2))
    assert "3 inputs and 2 targets" in _refused(capsys, *odd, tmp_path / "odd.npz")
    (tmp_path / "none.npz").write_text("no archive")
    assert "cannot be read" in _refused(capsys, *odd, tmp_path / "none.npz")
    dicts = (*odd, f"{net}:dicts", "--normalize", "half")
    assert "scale them in the callable" in _refused(capsys, *dicts)


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_a_library_makes_its_models_by_name(
    library: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With its own function; a name that it does not know is met with the nearest."""
    maker = "create_model" if library == "timm" else "get_model"
    source = (
        "from torch import nn\n"
        "def list_models(): return ['resnet18', 'resnet50']\n"
        f"def {maker}(name, rate=0.5):\n"
        "    return nn.Sequential(nn.Linear(4, 4), nn.Dropout(rate), nn.BatchNorm1d(4))\n"
    )
    package = tmp_path / library
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text(source if library == "timm" else "")
    (package / "models" / "__init__.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    command = ("view", f"{library}:resnet18", "--input-shape", "4", "--with", "rate=0.25")
    with pytest.raises(SystemExit) as exit_:
        main(command)
    assert exit_.value.code == 0
    assert "p = 0.25" in capsys.readouterr().out
    assert "did you mean 'resnet18'" in _refused(
        capsys, "view", f"{library}:resnet8", "--input-shape", "4"
    )


def test_a_file_of_a_package_imports_its_neighbours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By dots, as it does where the package is installed."""
    package = tmp_path / "own_package" / "nets"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("")
    (package / "__init__.py").write_text("")
    (package.parent / "rates.py").write_text("RATE = 0.125\n")
    (package / "net.py").write_text(
        "from torch import nn\nfrom ..rates import RATE\n"
        "def make(): return nn.Sequential(nn.Dropout(RATE), nn.BatchNorm1d(4))\n"
    )
    with pytest.raises(SystemExit) as exit_:
        main(["view", f"{package / 'net.py'}:make", "--input-shape", "4"])
    assert exit_.value.code == 0
    assert "p = 0.125" in capsys.readouterr().out
