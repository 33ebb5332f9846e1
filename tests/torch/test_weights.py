"""Weights are read without executing anything, and written whole or not at all."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.parallel import DataParallel

from normdrop.errors import NormdropError, UsageError
from normdrop.torch.weights import load_weights, save_weights

SUFFIXES = (".pt", ".safetensors")


def _model(seed: int = 0, width: int = 4) -> nn.Sequential:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.Linear(width, 2))
    model(torch.randn(8, 3))
    return model


def _same(one: nn.Module, other: nn.Module) -> bool:
    states = one.state_dict(), other.state_dict()
    return all(torch.equal(value, states[1][key]) for key, value in states[0].items())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_come_back_to_the_last_bit(tmp_path: Path, suffix: str) -> None:
    """What is written is read again, buffers and counters included."""
    model, other = _model(0), _model(1)
    assert not _same(model, other)
    load_weights(other, save_weights(model, tmp_path / f"folder/weights{suffix}"))
    assert _same(model, other)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_tied_and_transposed_weights_are_written(tmp_path: Path, suffix: str) -> None:
    """Weights that share memory, or lie in it otherwise, come back as they were."""
    model, other = _model(0, width=3), _model(1, width=3)
    for each in (model, other):
        first, last = each[0], nn.Linear(3, 3)
        assert isinstance(first, nn.Linear)
        last.weight = first.weight
        each.append(last)
    with torch.no_grad():
        model[0].weight.data = model[0].weight.data.t()  # type: ignore[operator] # a Linear's
    load_weights(other, save_weights(model, tmp_path / f"weights{suffix}"))
    assert _same(model, other)


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_a_checkpoint_with_an_optimizer_is_read(tmp_path: Path, key: str) -> None:
    """The state dict is found beside an optimizer's state, counters and settings."""
    model, other = _model(0), _model(1)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(8, 3)).sum().backward()
    optimizer.step()
    content = {key: model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "lr": 0.1}
    torch.save(content, tmp_path / "checkpoint.pt")
    load_weights(other, tmp_path / "checkpoint.pt")
    assert _same(model, other)


def test_keys_of_a_parallel_or_compiled_model_are_read(tmp_path: Path) -> None:
    """`module.` and `_orig_mod.` before every key are the wrappers', not the model's."""
    model, other = _model(0), _model(1)
    wrapped = torch.compile(DataParallel(model), backend="eager")
    assert isinstance(wrapped, nn.Module)
    torch.save(wrapped.state_dict(), tmp_path / "weights.pt")
    load_weights(other, tmp_path / "weights.pt")
    assert _same(model, other)


class _Malicious:
    """An object whose unpickling makes a file, as an attacker's would run a command."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._path),)


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("zipped", [False, True])
def test_nothing_in_a_file_is_executed(tmp_path: Path, *, hidden: bool, zipped: bool) -> None:
    """A pickle that would run code is refused in words, alone or beside real weights."""
    mark, path = tmp_path / "executed", tmp_path / "weights.pt"
    evil = _Malicious(mark)
    content = {"state_dict": _model().state_dict(), "extra": evil} if hidden else evil
    if zipped:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(UsageError, match="no plain state dict"):
        load_weights(_model(), path)
    assert not mark.exists()
    with path.open("rb") as file:  # the attack is a real one
        if zipped:
            torch.load(file, weights_only=False)
        else:
            pickle.load(file)  # noqa: S301 - that is the point
    assert mark.exists()


def test_a_pickle_called_safetensors_is_refused(tmp_path: Path) -> None:
    """The suffix decides how a file is read; a pickle under it is never unpickled."""
    path = tmp_path / "weights.safetensors"
    path.write_bytes(pickle.dumps(_Malicious(tmp_path / "executed")))
    with pytest.raises(UsageError, match="no safetensors file"):
        load_weights(_model(), path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(junk=st.binary(max_size=64), kept=st.floats(0, 0.99))
def test_damaged_files_are_refused(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, junk: bytes, kept: float
) -> None:
    """Any bytes, and any beginning of a good file, give one error and leave the model alone."""
    folder = tmp_path_factory.mktemp("damaged")
    whole = save_weights(_model(0), folder / f"whole{suffix}").read_bytes()
    model = _model(1)
    for content in (junk, whole[: int(kept * len(whole))]):
        path = folder / f"weights{suffix}"
        path.write_bytes(content)
        with pytest.raises(UsageError, match="weights"):
            load_weights(model, path)
    assert _same(model, _model(1))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_another_models_weights_leave_the_model_as_it_was(tmp_path: Path, suffix: str) -> None:
    """Where some keys fit and some do not, none is loaded."""
    path = save_weights(_model(0, width=5), tmp_path / f"weights{suffix}")
    model = _model(1)
    with pytest.raises(UsageError, match="does not fit the model"):
        load_weights(model, path)
    assert _same(model, _model(1))


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, torch.zeros(3), {"model": "resnet"}])
def test_what_is_no_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    """Readable files without weights are named."""
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(UsageError, match="holds no state dict"):
        load_weights(_model(), tmp_path / "weights.pt")


def test_a_missing_file_and_another_suffix_are_named(tmp_path: Path) -> None:
    """Reading needs the file; writing needs one of two suffixes."""
    with pytest.raises(UsageError, match="no such file"):
        load_weights(_model(), tmp_path / "gone.pt")
    with pytest.raises(UsageError, match=r"\.pt or \.safetensors"):
        save_weights(_model(), tmp_path / "weights.bin")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_write_cut_short_leaves_the_old_file(tmp_path: Path, suffix: str) -> None:
    """A limit on the size of files stands for a full disk: both fail in the middle of the write."""
    path = save_weights(_model(0), tmp_path / f"weights{suffix}")
    old = path.read_bytes()
    code = (
        "import resource, signal, sys, torch\n"
        "from pathlib import Path\n"
        "from normdrop.errors import NormdropError\n"
        "from normdrop.torch.weights import save_weights\n"
        "model = torch.nn.Linear(1000, 1000)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    save_weights(model, Path(sys.argv[1]))\n"
        "except NormdropError as error:\n"
        "    print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert "cannot write" in result.stdout
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """Killed before the new file takes its name, a process leaves the old one readable."""
    path = save_weights(_model(0), tmp_path / "weights.pt")
    code = (
        "import os, signal, sys, torch\n"
        "from pathlib import Path\n"
        "from normdrop.torch.weights import save_weights\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "save_weights(torch.nn.Linear(1000, 1000), Path(sys.argv[1]))\n"
    )
    result = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert result.returncode == -9
    model = _model(1)
    load_weights(model, path)
    assert _same(model, _model(0))


def test_a_folder_in_the_files_place_is_named(tmp_path: Path) -> None:
    """The error says what cannot be written."""
    (tmp_path / "weights.pt").mkdir()
    with pytest.raises(NormdropError, match="cannot write"):
        save_weights(_model(), tmp_path / "weights.pt")


def test_weights_come_from_any_device(tmp_path: Path) -> None:
    """Half precision and whole numbers keep their types."""
    model = nn.Linear(2, 2).half()
    model.register_buffer("steps", torch.tensor(7))
    other = nn.Linear(2, 2).half()
    other.register_buffer("steps", torch.tensor(0))
    load_weights(other, save_weights(model, tmp_path / "weights.safetensors"))
    state: dict[str, Tensor] = other.state_dict()
    assert state["weight"].dtype == torch.float16
    assert state["steps"].item() == 7
