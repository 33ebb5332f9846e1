"""What is held against the source is every pair told apart here, and no other."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
from synthetic_outcomes import DESCRIPTION, ORDERS, comparison

from normdrop.lab.comparison import Comparison, agreement
from normdrop.lab.results import read_results, write_results
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


def test_differences_within_the_published_noise_judge_nothing() -> None:
    """A difference counts once it is larger than that of two figures of one thing."""
    best, *_, worst = _as_found()
    result = _published({best: 2.0, worst: 1.0})
    for noise, against in ((0.99, ((best, worst),)), (1.0, ())):
        noisy = replace(result, description=replace(result.description, published_noise=noise))
        assert agreement(noisy).against == against
    words = "the source orders 0 the same way; its differences of up to 0.500 count as none."
    quiet = replace(result, description=replace(result.description, published_noise=0.5))
    assert any(line.endswith(words) for line in quiet.findings())
    rounded = _published({best: 5.06, worst: 5.02})  # 0.040000000000000036 apart
    noisy = replace(rounded, description=replace(rounded.description, published_noise=0.04))
    assert agreement(noisy).judged == 0


def test_what_the_source_says_in_words_counts_where_it_has_no_figures(tmp_path: Path) -> None:
    """A claim is judged like a figure, gives way to one, and is exported with the rest."""
    best, second, *_, worst = _as_found()
    for claim, agree, against in (
        ((best, worst), 1, ()),
        ((worst, best), 0, ((best, worst),)),
        ((second, best), 0, ()),  # not told apart
    ):
        about = replace(DESCRIPTION, published={}, claims=(claim,))
        said = replace(comparison(), description=about)
        (said,) = read_results(write_results([said], tmp_path))
        assert said.description == about
        assert (agreement(said).agree, agreement(said).against) == (agree, against)
    both = replace(
        DESCRIPTION, published={"test_loss": {best: 1, worst: 2}}, claims=((worst, best),)
    )
    assert agreement(replace(comparison(), description=both)).agree == 1
    within = replace(both, published_noise=1.0)
    assert agreement(replace(comparison(), description=within)).agree == 0


def test_what_differs_from_the_baseline_is_judged_too() -> None:
    """A pair that shares a letter is held against the source if the baseline's test parts it."""
    found = 0
    for name in ORDERS:
        about = replace(DESCRIPTION, baseline=name, published={})
        result = replace(comparison(), description=about)
        for summary in result:
            if summary.name == name or set(summary.letters) & set(result[name].letters) == set():
                continue
            claim = (name, summary.name)
            said = agreement(
                replace(result, description=replace(about, claims=(claim, claim[::-1])))
            )
            assert summary.p is not None
            assert said.judged == (summary.p <= result.level)
            found += said.judged
    assert found


def test_the_pages_say_it(tmp_path: Path) -> None:
    """Only what was trained like the source contradicts it; else it differs, and so do settings."""
    best, *_, worst = _as_found()
    index = "| 1 of 1 | 11 |"
    for figures, against in (({best: 2.0, worst: 1.0}, True), ({best: 1.0, worst: 2.0}, False)):
        result = _published(figures)
        for panel, here in (("", "What "), ("ten", "In ten what ")):
            for like in (True, False):
                words = (
                    f"**{here}we found contradicts the source**; see below."
                    if like
                    else f"{here}we found differs from it, and so do the settings; see below."
                )
                named = replace(
                    result,
                    description=replace(result.description, panel=panel, like_source=like),
                )
                pages = experiment_pages([write_results([named], tmp_path)])
                page = pages["ten-orders.md"]
                assert (words in page) == against
                assert ("ontradicts the source" in page) == (like and against)
                assert (f"{best} before {worst}." in page) == against
                assert (index in pages["index.md"]) != against
                assert ("| 0 of 1 | 11 |" in pages["index.md"]) == against


def test_single_runs_are_held_to_the_scatter_of_ours() -> None:
    """A difference that two single runs show by chance judges nothing; one beyond it does."""
    best, *_, worst = _as_found()
    spreads = [np.var(comparison()[name].points, ddof=1) for name in (best, worst)]
    one_run = 1.96 * float(np.sqrt(sum(spreads)))
    for runs, factor, judged in ((1, 0.99, 0), (1, 1.01, 1), (4, 0.51, 1), (4, 0.49, 0)):
        result = _published({best: 1.0 + factor * one_run, worst: 1.0})
        about = replace(result.description, published_runs=runs)
        assert agreement(replace(result, description=about)).judged == judged
    few = Comparison(about, tuple(o for o in result.outcomes if o.trial.seed < 5))
    assert agreement(few).judged == 0
