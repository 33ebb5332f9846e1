"""The first thing a comparison says is what it was made to decide."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_outcomes import DESCRIPTION, ORDERS, comparison, race

from normdrop.lab.comparison import Answer, Comparison, answers
from normdrop.lab.contrast import Contrast
from normdrop.lab.results import read_results, write_results
from normdrop.report import experiment_pages

_WORST, _BEST = ORDERS[5], ORDERS[2]  # 0.0365 and 0.027 apart in the made-up race


def _contrast(weights: Mapping[str, float], **own: object) -> Contrast:
    words = {"what": "loss, one less other", "higher": "one loses", "lower": "one wins"}
    return Contrast(weights=weights, **{**words, **own})  # type: ignore[arg-type]  # several types


def _asked(*contrasts: Contrast, seeds: int = 11, panel: str = "") -> Comparison:
    about = replace(DESCRIPTION, contrasts=contrasts, panel=panel)
    return Comparison(about, tuple(race(seeds)))


def _answer(contrast: Contrast, seeds: int = 11) -> Answer:
    (answer,) = answers([_asked(contrast, seeds=seeds)])
    return answer


def test_a_pair_is_told_apart_in_either_direction() -> None:
    """The opposite contrast has the opposite answer, and the estimate is the mean difference."""
    forth, back = (_answer(_contrast({_WORST: sign, _BEST: -sign})) for sign in (1, -1))
    assert (forth.verdict, back.verdict) == ("higher", "lower")
    assert forth.test.estimate == -back.test.estimate
    pair = comparison()
    assert forth.test.estimate == pytest.approx(pair[_WORST].endpoint - pair[_BEST].endpoint)
    assert forth.sentence.startswith("One loses. Loss, one less other: +0.0107 nats [")
    assert "p < 0.001; 11 seeds, it could have shown" in forth.sentence


def test_where_nothing_is_shown_it_is_bounded() -> None:
    """Open with a bound; none to speak of where a margin holds the whole interval."""
    near = {ORDERS[1]: 1, ORDERS[2]: -1}
    found = _answer(_contrast(near))
    assert found.verdict == "open"
    assert found.test.interval is not None
    bound = max(map(abs, found.test.interval))
    assert "What difference there is, is at most 0.00" in found.sentence
    for margin, verdict in ((1.01 * bound, "none"), (0.99 * bound, "open")):
        assert _answer(_contrast(near, margin=margin)).verdict == verdict
    assert "too few seeds (5)" in _answer(_contrast(near), seeds=5).sentence


def test_the_level_is_shared() -> None:
    """Three questions are each asked at a third of the level, and p-values say so."""
    one = _contrast({_WORST: 1, _BEST: -1})
    found = answers([_asked(one, one, one)])
    alone = _answer(one)
    assert [answer.level for answer in found] == [0.05 / 3] * 3
    assert found[0].p == pytest.approx(3 * alone.test.p)
    assert found[0].test.interval is not None
    assert alone.test.interval is not None
    assert found[0].test.interval.half_width > alone.test.interval.half_width
    assert found[0].test.detectable > alone.test.detectable


def test_panels_are_averaged_or_held_against_each_other() -> None:
    """Equal panels have the mean of their answers; an interaction of one panel with itself is 0."""
    pair = {_WORST: 1, _BEST: -1}
    alone = _answer(_contrast(pair)).test.estimate
    for weights, expected in (({}, alone), ({"a": 1}, alone), ({"a": 1, "b": -1}, 0.0)):
        asked = [_asked(_contrast(pair, panels=weights), panel=name) for name in "ab"]
        (found,) = answers(asked)
        assert found.test.estimate == pytest.approx(expected, abs=1e-15)
    assert answers(asked[:1]) == ()  # its other panel was not compared


def test_a_seed_counts_where_all_it_takes_finished() -> None:
    """A missing trial takes its seed from its own contrasts, and from no other."""
    whole = _asked(_contrast({_WORST: 1, _BEST: -1}), _contrast({ORDERS[0]: 1, ORDERS[1]: -1}))
    kept = tuple(o for o in whole.outcomes if not (o.trial.variant == _BEST and o.trial.seed == 3))
    first, second = answers([replace(whole, outcomes=kept)])
    assert (first.test.seeds, second.test.seeds) == (10, 11)


def test_the_source_is_judged_only_where_it_says_enough() -> None:
    """The same number of the published figures, and whether it could have been seen here."""
    pair = {_WORST: 1, _BEST: -1}
    for figure, small in ((0.5, False), (1e-6, True)):
        asked = _asked(_contrast(pair))
        published = {"test_loss": {_WORST: figure, _BEST: 0.0}}
        about = replace(asked.description, published=published)
        (found,) = answers([replace(asked, description=about)])
        assert found.published == pytest.approx(figure)
        assert ("too little to be judged here" in found.sentence) == small


def test_it_is_the_first_thing_said(tmp_path: Path) -> None:
    """In a table's notes, in the findings, and on the page above the source; and it is kept."""
    asked = _asked(_contrast({_WORST: 1, _BEST: -1}))
    (answer,) = answers([asked])
    assert asked.table().notes[0] == asked.findings()[0] == answer.sentence
    (read,) = read_results(write_results([asked], tmp_path))
    assert read.description == asked.description
    page = experiment_pages([tmp_path / "ten-orders"])["ten-orders.md"]
    assert page.index("**One loses.**") < page.index("Source:")
    assert page.count("One loses") == 1


def test_unlike_sides_are_tested_by_signs() -> None:
    """The number is then the median, and the reading says so."""
    asked = _asked(_contrast({_WORST: 1, _BEST: -1}, alike=False))
    (found,) = answers([asked])
    values = asked.grid.values("test_loss")
    rows = [asked.grid.variants.index(name) for name in (_WORST, _BEST)]
    assert found.test.estimate == np.median(values[rows[0]] - values[rows[1]])
    assert any("by the sign test" in line for line in asked.reading())
