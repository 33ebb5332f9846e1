"""The pages of experiments are made from the exported results, and from nothing else."""

import re
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from synthetic_outcomes import DESCRIPTION, ORDERS, comparison, race, troubled

from normdrop.lab.comparison import Comparison
from normdrop.lab.recipe_names import find, recipe_names
from normdrop.lab.results import write_results
from normdrop.report import experiment_pages

_ROOT = Path(__file__).parents[2]
_RESULTS = sorted(path.parent for path in (_ROOT / "results").glob("*/about.json"))
_SVG = "{http://www.w3.org/2000/svg}"


def test_the_pages_are_generated() -> None:
    """Nobody types a result: the pages are what `normdrop results --pages` writes."""
    folder = _ROOT / "docs" / "experiments"
    committed = {file.name: file.read_text("utf-8") for file in folder.iterdir()}
    assert committed == experiment_pages(_RESULTS)


def test_every_recipe_has_results() -> None:
    """Each recipe's results are there, of its present version and of all its panels."""
    assert [folder.name for folder in _RESULTS] == recipe_names()
    for folder in _RESULTS:
        recipe = find(folder.name)
        text = (folder / "about.json").read_text("utf-8")
        assert set(re.findall(r'"recipe_version": (\d+)', text)) == {str(recipe.version)}
        assert text.count('"recipe_version"') == max(1, len(recipe.panels))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Pages of two panels, one with trouble; a name that Markdown and SVG would read."""
    folder = tmp_path_factory.mktemp("results")
    hostile = Comparison(
        replace(
            DESCRIPTION, variants=("<b>*x*|</b>", ORDERS[0]), baseline=ORDERS[0], panel="a|<i>"
        ),
        tuple(
            replace(o, trial=replace(o.trial, variant="<b>*x*|</b>" if n % 2 else ORDERS[0]))
            for n, o in enumerate(race(8, ORDERS[:2]))
        ),
    )
    panels = [replace(troubled(), description=replace(DESCRIPTION, panel="ten")), hostile]
    return experiment_pages([write_results(panels, folder)])


def test_a_page_says_everything(pages: dict[str, str]) -> None:
    """Question, source, published figures, overview, each panel's findings, settings, versions."""
    page = pages["ten-orders.md"]
    for words in (
        DESCRIPTION.question.replace("_", r"\_"),
        "Source: Stack Overflow, question 39691902.",
        "one run of each order, 20 epochs",
        "### ten",
        r"### a\|\<i\>",
        "pairs can be told apart",
        "failed with seed 4",
        "batch\\_size 64",
        "torch 2.13.0",
    ):
        assert words in page
    assert "<b>" not in page
    assert "| [ten-orders](ten-orders.md) |" in pages["index.md"]
    tables = re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)
    assert len(tables) == 3  # the overview and one per panel
    for table in tables:
        cells = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(cells) == 1


def test_the_figure_shows_every_number(pages: dict[str, str]) -> None:
    """A dot per variant with a result, a tick per seed, a ring per published figure."""
    root = ET.fromstring(pages["ten-orders.svg"])  # noqa: S314 - our own text
    assert len(root.findall(f".//{_SVG}circle")) == 12
    strokes = [path.get("stroke") for path in root.iter(f"{_SVG}path")]
    finished = 11 * 10 - 2 + 2 * 8
    assert strokes.count("#999999") == finished
    assert strokes.count("#d55e00") == 11
    words = [text.text for text in root.iter(f"{_SVG}text")]
    assert "<b>*x*|</b>" in words
    assert "test loss (nats)" in words


def test_learning_curves_where_they_are_the_answer(tmp_path: Path) -> None:
    """A recipe that asks for curves gets three lines per variant."""
    result = comparison(3)
    result = replace(result, description=replace(DESCRIPTION, curves=True))
    pages = experiment_pages([write_results([result], tmp_path)])
    assert "![Mean learning curves](ten-orders-curves.svg)" in pages["ten-orders.md"]
    root = ET.fromstring(pages["ten-orders-curves.svg"])  # noqa: S314 - our own text
    strokes = [path.get("stroke") for path in root.iter(f"{_SVG}path")]
    assert strokes.count("#d55e00") == len(ORDERS) + 1  # and one in the legend


_SAID = ("question", "source", "published_label", "published")


@pytest.mark.parametrize(
    "left_out",
    [each for count in range(1, 5) for each in combinations(_SAID, count)],
    ids=" and ".join,
)
def test_what_a_recipe_leaves_out_is_left_out(tmp_path: Path, left_out: tuple[str, ...]) -> None:
    """No empty emphasis, no full stop after nothing, no heading over nothing, no empty cell."""
    empty: Any = {name: {} if name == "published" else "" for name in left_out}
    own = replace(comparison(2), description=replace(DESCRIPTION, **empty))
    pages = experiment_pages([write_results([own], tmp_path)])
    for name in ("ten-orders.md", "index.md"):
        lines = pages[name].splitlines()
        assert [line for line in lines if re.search(r"\*\*\s*\*\*|:\s*\.|\(\s*\)", line)] == []
        said = [line for line in lines if line]
        assert [a for a, b in pairwise(said) if a.startswith("##") and b.startswith("##")] == []
    assert [line for line in pages["index.md"].splitlines() if re.search(r"\|\s*\|", line)] == []
    assert ("Source:" in pages["ten-orders.md"]) == ("source" not in left_out)


@pytest.mark.parametrize(
    ("recipe", "call"),
    [
        ("ten-orders", "`normdrop compare ten-orders`"),
        ("/home/me/my_recipe.py@0123456789ab", "`normdrop compare my_recipe.py`"),
        ("mine@0123456789ab", "`normdrop.compare(recipe)`"),
    ],
)
def test_a_page_says_how_it_was_made(tmp_path: Path, recipe: str, call: str) -> None:
    """By what the user typed: normdrop's recipe, a file without its folder, or a value."""
    found = comparison(1)
    outcomes = tuple(replace(o, trial=replace(o.trial, recipe=recipe)) for o in found.outcomes)
    folder = write_results([replace(found, outcomes=outcomes)], tmp_path)
    pages = experiment_pages([folder])
    assert f"{call}, with these settings:" in pages[f"{folder.name}.md"]
    assert "/home/me" not in pages[f"{folder.name}.md"]
