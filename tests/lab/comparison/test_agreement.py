"""What is held against the source is every pair told apart here, and no other."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from synthetic_outcomes import DESCRIPTION, comparison

from normdrop.lab.comparison import Comparison, agreement
from normdrop.lab.results import write_results
from normdrop.report import experiment_pages


def _published(figures: Mapping[str, float]) -> Comparison:
    """The race of eleven seeds beside other published figures."""
    return replace(
        comparison(), description=replace(DESCRIPTION, published={"test_loss": dict(figures)})
    )


def _as_found() -> dict[str, float]:
    """Figures that order the variants exactly as the race does."""
    return {summary.name: float(summary.place) for summary in comparison()}


def test_every_pair_told_apart_is_judged_by_its_letters() -> None:
    """Pairs that share no letter are those told apart, counted one by one."""
    apart = [
        (lower.name, higher.name)
        for lower, higher in combinations(comparison(), 2)
        if not set(lower.letters) & set(higher.letters)
    ]
    assert 5 < len(apart) < 45
    same, turned = _as_found(), {name: -place for name, place in _as_found().items()}
    found = agreement(_published(same))
    assert (found.pairs, found.apart, found.agree, found.against) == (
        45,
        len(apart),
        len(apart),
        (),
    )
    found = agreement(_published(turned))
    assert found.agree == 0
    assert sorted(found.against) == sorted(apart)


def test_figures_that_are_equal_or_missing_judge_nothing() -> None:
    """With one figure there is no pair, with equal ones no order."""
    best, *_, worst = _as_found()
    for figures in ({best: 1.0}, dict.fromkeys(_as_found(), 1.0)):
        assert agreement(_published(figures)).judged == 0
    assert agreement(_published({best: 2.0, worst: 1.0})).against == ((best, worst),)


def test_the_pages_say_it(tmp_path: Path) -> None:
    """The page says above its tables that it contradicts the source; the index counts."""
    best, *_, worst = _as_found()
    words = "we found contradicts them**; see below."
    index = "| 1 of 1 | 11 |"
    for figures, against in (({best: 2.0, worst: 1.0}, True), ({best: 1.0, worst: 2.0}, False)):
        result = _published(figures)
        for panel, here in (("", "**What "), ("ten", "**In ten what ")):
            named = replace(result, description=replace(result.description, panel=panel))
            pages = experiment_pages([write_results([named], tmp_path)])
            assert (here + words in pages["ten-orders.md"]) == against
            assert (f"{best} before {worst}." in pages["ten-orders.md"]) == against
            assert (index in pages["index.md"]) != against
            assert ("| 0 of 1 | 11 |" in pages["index.md"]) == against
