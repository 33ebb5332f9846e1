"""What `make demo` shows is true: the shift costs accuracy, and new statistics win it back."""

import runpy
from pathlib import Path

import pytest
import torch

import normdrop

_EXAMPLE = Path(__file__).parents[1] / "examples" / "doctor_on_digits.py"


def test_the_doctor_wins_back_what_the_shift_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trained for a few epochs, the network gains points on images that it was not mended with."""
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(_EXAMPLE), run_name="__main__")
    said = capsys.readouterr().out
    assert "The running statistics of 4 norm layers were estimated anew" in said
    assert (tmp_path / "out" / "doctor-on-digits.html").is_file()


def test_without_dropout_there_is_nothing_to_win() -> None:
    """The same network at rate 0: no norm is misled, and the doctor leaves it as it is."""
    example = runpy.run_path(str(_EXAMPLE))
    torch.manual_seed(0)
    model = example["trained"](example["network"](rate=0.0), example["batches"]("train"))
    diagnosis = normdrop.doctor(model, example["batches"]("test"), example["accuracy"])
    assert diagnosis.before is not None
    assert all(abs(layer.shift - 1) < 0.3 for layer in diagnosis.before)
