"""`normdrop compare` and `normdrop recipes` as installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from normdrop.lab import recipe_names as recipes

_COMMAND = str(Path(sys.executable).with_name("normdrop"))


def _normdrop(folder: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [_COMMAND, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=250,
    )


def test_compare_prints_a_table_and_writes_a_page(tmp_path: Path) -> None:
    """Two orders on the embedded digits: a table, a page, and at the second call no training."""
    orders = ("conv-bn-act-drop-pool", "conv-drop-bn-act-pool")
    arguments = (
        *("compare", "ten-orders", "--data", "digits", "--limit-train", 200),
        *("--variant", orders[0], "--variant", orders[1], "--seeds", 1, "--epochs", 1),
        *("--jobs", 1, "--store", "s.sqlite", "--report", "new/x.html"),
    )
    first = _normdrop(tmp_path, *arguments)
    assert first.returncode == 0, first.stderr
    assert all(order in first.stdout for order in orders)
    assert "2 of 2 trials" in first.stderr
    assert orders[0] in (tmp_path / "new" / "x.html").read_text()
    second = _normdrop(tmp_path, *arguments)
    assert second.stdout == first.stdout
    assert "trials" not in second.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ten-order",), "did you mean 'ten-orders'"),
        (("ten-orders", "--data", "digit"), "did you mean 'digits'"),
        (("ten-orders", "--data", "digits", "--epochs", 0), "epochs must be"),
        (("ten-orders", "--jobs", 0), "jobs must be"),
        (("ten-orders", "--precision", "fp64"), "fp64"),
        (("ten-orders", "--report", "/proc/x.html"), "--report /proc/x.html: cannot be written"),
        (("ten-orders", "--report", "."), "is a folder"),
        (("ten-orders", "--data", "digits", "--store", "/proc/s"), "name another --store"),
        (("ten-orders", "--on", "head"), "on must be ray://host:port, host:port or auto"),
        (("ten-orders", "--gpu-fraction", 0.5), "gpu_fraction is for a cluster"),
        (
            (*("ten-orders", "--data", "digits", "--on", "ray://127.0.0.1:1"), "--store", "s"),
            "no Ray cluster at ray://127.0.0.1:1 (Connection refused)",
        ),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, arguments: tuple[object, ...], message: str) -> None:
    """Unusable input ends with status 2 and one line that names it."""
    result = _normdrop(tmp_path, "compare", *arguments)
    assert result.returncode == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith("normdrop: ")
    assert message in last
    assert "Traceback" not in result.stderr


def test_recipes_lists_variants(tmp_path: Path) -> None:
    """A recipe is shown with its question, its variants, its baseline and its panels."""
    for name in recipes.recipe_names()[:3]:
        result = _normdrop(tmp_path, "recipes", name)
        assert result.returncode == 0
        recipe = recipes.find(name)
        text = " ".join(result.stdout.split())
        assert text.startswith(f"{name}: {recipe.question}")
        assert f"{recipe.rivals()[1]} baseline" in text
        assert text.count(" baseline ") == 1
        assert ("Panels: " in text) == bool(recipe.panels)
