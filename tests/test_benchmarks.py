"""The benchmarks' page shows what the benchmarks printed."""

import ast
from pathlib import Path

import pytest

import normdrop

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize("output", ["noise.txt", "throughput.txt"])
def test_the_page_shows_the_last_output(output: str) -> None:
    """The output stands in the page to the letter."""
    page = (BENCHMARKS / "README.md").read_text("utf-8")
    assert (BENCHMARKS / output).read_text("utf-8").rstrip() in page


@pytest.mark.parametrize(
    ("page", "output"), [("cost.md", "cost.txt"), ("recalibrate.md", "without_data.txt")]
)
def test_the_documentation_shows_the_last_output(page: str, output: str) -> None:
    """The same of the pages that users read."""
    shown = (BENCHMARKS.parent / "docs" / page).read_text("utf-8")
    assert (BENCHMARKS / output).read_text("utf-8").rstrip() in shown


def test_every_output_is_linked_or_shown() -> None:
    """No committed output is left out of the page."""
    page = (BENCHMARKS / "README.md").read_text("utf-8")
    shown = {"noise.txt", "throughput.txt"}
    outputs = {path.name for path in BENCHMARKS.glob("*.txt")} - {"peers.txt"}
    assert {name for name in outputs - shown if f"({name})" not in page} == set()


@pytest.mark.parametrize("script", sorted(BENCHMARKS.rglob("*.py")), ids=lambda path: path.stem)
def test_scripts_ask_the_package_for_what_it_has(script: Path) -> None:
    """A room that nobody imported is no attribute: a benchmark would end after its long part."""
    tree = ast.parse(script.read_text("utf-8"))
    imported = {
        name.name.split(".")[1]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
        if name.name.startswith("normdrop.")
    }
    asked = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "normdrop"
    }
    known = imported.union(dir(normdrop))
    assert {name for name in asked - known if not name.startswith("__")} == set()
