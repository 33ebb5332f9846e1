"""The benchmarks' page shows what the benchmarks printed."""

from pathlib import Path

import pytest

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
