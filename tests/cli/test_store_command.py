"""`normdrop store`: what is damaged is named, taken out, and the rest written out."""

import json
import sqlite3
from pathlib import Path

import pytest

from normdrop.cli import main
from normdrop.lab.store import Store
from normdrop.lab.trial import Epoch, Outcome, Trial, read_outcome


def _run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    return int(str(ended.value.code))


def _outcome(seed: int) -> Outcome:
    trial = Trial("r", 1, "left", "digits", "c", seed, {"rate": 0.5}, "cpu", "fp32")
    return Outcome(trial, "finished", (Epoch(1, 0.1, 0.2, 0.3, 0.4, 0.5),), 0.5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of three outcomes."""
    file = tmp_path / "s.sqlite"
    with Store(file) as store:
        for seed in range(3):
            store.put(_outcome(seed))
    return file


def test_a_damaged_outcome_is_named_and_taken_out(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Verify says which, repair takes it out, and then there is nothing left to mend."""
    assert _run("store", "verify", "--store", path) == 0
    assert "3 outcomes are sound, 0 damaged" in capsys.readouterr().out
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "UPDATE outcome SET outcome = replace(outcome, '0.3', '0.2') WHERE seed = 1"
        )
    connection.close()
    assert _run("store", "verify", "--store", path) == 1
    said = capsys.readouterr().out
    assert "damaged: left with seed 1 (r on digits)" in said
    assert "2 outcomes are sound, 1 damaged" in said
    assert _run("store", "repair", "--store", path) == 0
    said = capsys.readouterr().out
    assert "taken out: left with seed 1" in said
    assert f"{path.name}.damaged-1" in said
    assert _run("store", "repair", "--store", path) == 0
    assert "nothing to mend" in capsys.readouterr().out
    assert _run("store", "verify", "--store", path) == 0


def test_outcomes_are_exported(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line of JSON each, on the terminal or in a file."""
    assert _run("store", "export", "--store", path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {read_outcome(line).trial.seed for line in lines} == {0, 1, 2}
    assert all(read_outcome(line) == _outcome(json.loads(line)["trial"]["seed"]) for line in lines)
    out = path.with_name("all.jsonl")
    assert _run("store", "export", "--store", path, "--out", out) == 0
    assert out.read_text().splitlines() == lines


@pytest.mark.parametrize("verb", ["verify", "repair", "export"])
def test_a_store_that_is_not_there_is_not_made(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and no file; of what is no store as well."""
    assert _run("store", verb, "--store", tmp_path / "none.sqlite") == 2
    assert "no such store" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    other = tmp_path / "other"
    other.write_bytes(b"x" * 5000)
    assert _run("store", verb, "--store", other) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(other) in said
