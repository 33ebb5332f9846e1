"""A command that lacks a library says which extra brings it, in one line."""

import subprocess
import sys

import pytest

_WITHOUT = """
import sys
sys.modules[sys.argv[1]] = None  # as if it were not installed
from normdrop.cli import main
main(sys.argv[2:])
"""


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("scipy", ["compare", "ten-orders"], "lab"),
        ("cloudpickle", ["compare", "ten-orders"], "lab"),
        ("pandas", ["recipes"], None),
    ],
)
def test_the_extra_is_named(missing: str, arguments: list[str], extra: str | None) -> None:
    """And a command that can do without the library does."""
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT, missing, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if extra is None:
        assert (done.returncode, done.stderr) == (0, "")
        return
    assert (done.returncode, done.stdout) == (2, "")
    words = f"normdrop: this needs {missing}, which is missing: pip install 'normdrop[{extra}]'\n"
    assert done.stderr == words
