"""The story's page and figure are what its numbers give."""

import json
from pathlib import Path

import pytest
from story.figure import figure
from story.page import HARMED, PUBLISHED, publish, recovery

_ROOT = Path(__file__).parents[1]
_NUMBERS = json.loads((_ROOT / "benchmarks" / "story.json").read_text(encoding="utf-8"))


def test_page_is_made_from_the_numbers(tmp_path: Path) -> None:
    """Publishing the committed numbers again changes nothing on the page."""
    written = (_ROOT / "docs" / "story.md").read_text(encoding="utf-8")
    page = tmp_path / "story.md"
    page.write_text(written, encoding="utf-8")
    publish(_NUMBERS, page)
    assert page.read_text(encoding="utf-8") == written


def test_figure_is_made_from_the_numbers() -> None:
    """Drawing the committed numbers again gives the committed figure."""
    assert figure(_NUMBERS) == (_ROOT / "docs" / "story.svg").read_text(encoding="utf-8")


def test_recovery_without_data_reaches_its_goal() -> None:
    """At least 90 % of what real data recovers, by hand from the accuracies."""
    harmed = _NUMBERS["networks"][HARMED]
    lost, got = harmed["with_data"] - harmed["eval_mode"], harmed["without_data"]
    assert lost > 0.02
    assert recovery(harmed) == pytest.approx((got - harmed["eval_mode"]) / lost)
    assert recovery(harmed) >= 0.9


def test_published_figures_span_what_the_literature_says() -> None:
    """Re-estimation recovers 47 to 71 % in Li et al.'s tables, and 20 % for one network."""
    parts = sorted(round(100 * row.recovered) for row in PUBLISHED)
    assert parts[0] == 20
    assert parts[1] == 47
    assert parts[-1] == 71
