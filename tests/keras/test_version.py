"""A Keras that is missing, too old or without a backend: one line that says what to do."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from normdrop.keras._version import numbers


@pytest.mark.parametrize(
    ("release", "expected"),
    [("3.6.0", (3, 6)), ("3.15.1", (3, 15)), ("4", (4, 0)), ("2.15rc1", (2, 15))],
)
def test_numbers(release: str, expected: tuple[int, int]) -> None:
    """The first two numbers, however many there are."""
    assert numbers(release) == expected


def _import(folder: Path, backend: str = "torch") -> str:
    """What importing `normdrop.keras` says in a process of its own, `folder` first on its path."""
    program = (
        "from normdrop.errors import NormdropError\n"
        "try:\n    import normdrop.keras\nexcept NormdropError as error:\n    print(error)\n"
    )
    environment = {"PYTHONPATH": str(folder), "KERAS_BACKEND": backend, "PATH": ""}
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_an_old_keras_is_refused(tmp_path: Path) -> None:
    """The message names what is installed and what is needed."""
    metadata = tmp_path / "keras-2.15.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: keras\nVersion: 2.15.0\n")
    said = _import(tmp_path)
    assert "3.6 or later" in said
    assert "2.15.0" in said


def test_a_missing_backend_is_named(tmp_path: Path) -> None:
    """The message names the backend that cannot start and how to choose another."""
    missing = next(name for name in ("jax", "tensorflow") if find_spec(name) is None)
    said = _import(tmp_path, backend=missing)
    assert f"'{missing}'" in said
    assert "KERAS_BACKEND" in said
