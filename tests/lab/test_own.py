"""A user's own recipe and data, made on the spot: they reach the workers, and never go stale."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from normdrop import Dataset, Recipe, compare
from normdrop.errors import DataError, RecipeError

_SCRIPT = Path(__file__).with_name("own_experiment.py")
ROWS = np.eye(4, dtype=np.float32)
LABELS = np.array([0, 1, 0, 1])


def _run(store: Path, width: int, folder: Path) -> dict[str, str]:
    """The script's lines by variant, started from another folder than its own."""
    command = [sys.executable, str(_SCRIPT), str(store), str(width)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def _trials(store: Path) -> int:
    with sqlite3.connect(store) as connection:
        return int(connection.execute("SELECT count(*) FROM outcome").fetchone()[0])


@pytest.mark.slow
def test_a_script_compares_its_own_networks_on_its_own_data(tmp_path: Path) -> None:
    """Lambdas and modules beside the script work; other code is another experiment."""
    store = tmp_path / "store.sqlite"
    first = _run(store, 16, tmp_path)
    assert list(first) == ["after", "before", "none"]
    assert all(line.startswith("2 0.") for line in first.values())
    assert _trials(store) == 6
    assert _run(store, 16, tmp_path) == first
    assert _trials(store) == 6  # nothing was trained again
    assert _run(store, 8, tmp_path) != first
    assert _trials(store) == 12


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ((ROWS.astype(np.float64), LABELS), "own: train inputs are float64 of shape"),
        ((ROWS[0], LABELS), r"train inputs are float32 of shape \(4,\)"),
        ((ROWS, LABELS[:3]), r"train targets are int64 of shape \(3,\) for 4 inputs"),
        ((ROWS, LABELS - 1), "train targets hold -1; class numbers start at 0"),
    ],
)
def test_arrays_that_cannot_be_meant_are_refused(
    train: tuple[np.ndarray, np.ndarray], message: str
) -> None:
    """What was found, and what is wanted."""
    with pytest.raises(DataError, match=message):
        Dataset.of("own", train=train, test=(ROWS, LABELS))


def test_what_is_no_array_is_refused() -> None:
    """Lists, and the tensors and frames that only look like arrays."""
    for rows in (ROWS.tolist(), torch.from_numpy(ROWS), pd.DataFrame(ROWS)):
        with pytest.raises(DataError, match=r"own: train inputs are of type .*; give numpy arrays"):
            Dataset.of("own", train=(rows, LABELS), test=(ROWS, LABELS))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="own: test targets are of type list"):
        Dataset.of("own", train=(ROWS, LABELS), test=(ROWS, [0, 1, 0, 1]))  # type: ignore[arg-type]


def test_data_of_arrays() -> None:
    """Integers are classes, floats are values; the checksum is that of the numbers."""
    whole, values = (
        Dataset.of("own", train=(ROWS, targets), test=(ROWS, targets))
        for targets in (LABELS, LABELS / 2)
    )
    assert (whole.task, whole.classes, whole.shape) == ("classification", 2, (4,))
    assert (values.task, values.classes) == ("regression", None)
    assert len({whole.checksum, values.checksum}) == 2


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """A recipe without data, data of a taken name, and a recipe without variants."""

    def network(*_: object) -> object:
        raise AssertionError

    recipe = Recipe(name="mine", variants=("a", "b"), network=network)  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="names no data set: give it one"):
        compare(recipe, store=tmp_path / "s")
    taken = Dataset.of("digits", train=(ROWS, LABELS), test=(ROWS, LABELS))
    with pytest.raises(DataError, match="digits is a data set of normdrop"):
        compare(recipe, data=taken, store=tmp_path / "s")
    with pytest.raises(RecipeError, match="it has no variants"):
        Recipe(name="mine", variants=(), network=network)  # type: ignore[arg-type]
