"""A comparison ranks, tests and words what the trials say."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import synthetic_outcomes
from synthetic_outcomes import (
    DESCRIPTION,
    ORDERS,
    PUBLISHED,
    comparison,
    ended,
    outcome,
    race,
    troubled,
)

from normdrop.errors import UsageError
from normdrop.lab.comparison import Comparison, ComparisonDescription
from normdrop.lab.metric import Metric
from normdrop.lab.statistics import against_baseline, all_pairs, student_interval
from normdrop.lab.trial import Outcome

BEST = "conv-bn-act-pool-drop"


@pytest.fixture(scope="module")
def eleven() -> Comparison:
    """Ten orders, eleven seeds."""
    return comparison(11)


def text(result: Comparison) -> str:
    """All sentences in one string."""
    return " ".join(result.sentences())


def test_ranking_and_means(eleven: Comparison) -> None:
    """Summaries come best first, with means over the final epochs computed here by hand."""
    means = {
        name: np.mean([o.epochs[-1].test_loss for o in race(11) if o.trial.variant == name])
        for name in ORDERS
    }
    assert [summary.name for summary in eleven] == sorted(ORDERS, key=lambda name: means[name])
    assert [summary.place for summary in eleven] == list(range(1, 11))
    for summary in eleven:
        assert summary.endpoint == pytest.approx(means[summary.name])
        for name in ("train_loss", "train_eval_loss"):
            losses = [
                getattr(o.epochs[-1], name) for o in race(11) if o.trial.variant == summary.name
            ]
            assert summary.metrics[name] == pytest.approx(np.mean(losses))
        assert summary.interval == student_interval(np.array(summary.points))
        assert summary.published == {"test_loss": PUBLISHED[summary.name]}
        assert summary.seconds == 211
        assert len(summary.ranks) == 11
    assert sum(s.mean_rank or 0 for s in eleven) == pytest.approx(55)


def test_a_metric_may_count_in_whole_numbers() -> None:
    """Integers from the store are compared as the numbers they are."""
    outcomes = tuple(
        replace(each, measures={"count": 2 * each.trial.seed + ORDERS.index(each.trial.variant)})
        for each in race(7)
    )
    counted = Comparison(replace(DESCRIPTION, endpoint=Metric("count", "count")), outcomes)
    assert [summary.name for summary in counted] == list(ORDERS)
    assert counted[ORDERS[3]].endpoint == 9


def test_tests_are_the_statistics(eleven: Comparison) -> None:
    """P-values are those of the loss array, whatever order the outcomes come in."""
    losses = np.array([eleven[summary.name].points for summary in eleven])
    expected = all_pairs(losses)
    assert eleven.analysis.pairs.p == pytest.approx(expected.p)
    assert [summary.p for summary in eleven] == pytest.approx(expected.against_best().tolist())
    outcomes = race(11)
    shuffled = [outcomes[place] for place in np.random.default_rng(0).permutation(110)]
    assert list(Comparison(DESCRIPTION, tuple(shuffled))) == list(eleven)


def test_letters_and_sentences_agree(eleven: Comparison) -> None:
    """Two variants share a letter exactly if their p-value exceeds the level."""
    summaries = list(eleven)
    apart = 0
    for row, first in enumerate(summaries):
        for column in range(row):
            shared = set(first.letters) & set(summaries[column].letters)
            assert bool(shared) == (eleven.analysis.pairs.p[row, column] > 0.05)
            apart += not shared
    assert f"{apart} of 45 pairs can be told apart" in text(eleven)
    assert "Cannot be told apart (a): conv-bn-act-pool-drop, conv-bn-act-drop-pool" in text(eleven)
    assert "not what another test set would give" in text(eleven)
    assert (
        "Of 34 pairs that differ here, by their letters or from the baseline, the source orders 21 "
        "the same way."
    ) in text(eleven)


def test_may_be_best_is_the_test_against_the_best(eleven: Comparison) -> None:
    """The star stands exactly where no variant is shown to be better, with a baseline or not."""
    starred = {summary.name for summary in eleven if summary.p is not None and summary.p > 0.05}
    assert {summary.name for summary in eleven if summary.may_be_best} == starred
    lines = eleven.table().to_text().splitlines()
    assert sum(line.startswith("*") for line in lines) == len(starred)
    baseline = Comparison(replace(DESCRIPTION, baseline=ORDERS[0]), tuple(race(11)))
    assert {summary.name for summary in baseline if summary.may_be_best} == starred
    assert not any(line.startswith("*") for line in comparison(3).table().to_text().splitlines())


def test_baseline() -> None:
    """With a baseline, p-values are Holm's, and paired differences have intervals."""
    baseline = "conv-drop-bn-act-pool"
    description = replace(DESCRIPTION, baseline=baseline)
    result = Comparison(description, tuple(race(11)))
    losses = np.array([summary.points for summary in result])
    place = result[baseline].place - 1
    for summary, p in zip(result, against_baseline(losses, place), strict=True):
        assert summary.p == (None if summary.name == baseline else pytest.approx(p))
    assert result[baseline].difference is None
    best = result[BEST]
    assert best.difference == pytest.approx(float(np.mean(losses[0] - losses[place])))
    assert best.difference_interval is not None
    assert best.difference_interval.high < 0
    assert f"Test loss lower than the baseline's ({baseline}): {BEST}" in text(result)


def test_few_seeds_show_points() -> None:
    """Three seeds have no interval, letter or test, and the reader is told what it takes."""
    result = comparison(3)
    assert all(summary.interval is None and summary.letters == "" for summary in result)
    assert "No pair can be told apart with 3 seeds" in text(result)
    assert "that takes at least 6." in text(result)
    assert "Fewer than 6 seeds bear no interval" in text(result)
    assert "each seed" in result.table().to_text()
    assert "Student" not in text(result)
    baseline = Comparison(replace(DESCRIPTION, baseline=BEST), tuple(race(3)))
    assert "at least 6 (9 against the baseline in 9 comparisons)" in text(baseline)


def test_baseline_needs_more_seeds_than_all_pairs() -> None:
    """Eight seeds tell pairs apart, but nothing from a baseline in nine comparisons."""
    result = Comparison(replace(DESCRIPTION, baseline=BEST), tuple(race(8)))
    assert "fewer than 9 seeds in 9 comparisons" in text(result)
    assert result.analysis.groups


def test_divergence_ranks_last_and_is_named() -> None:
    """The best order diverges once: it is last, is no best to be behind, and is named."""
    result = troubled()
    last = list(result)[-1]
    assert (last.name, last.diverged, len(last.seeds)) == (BEST, (2,), 10)
    assert last.p is None
    assert not last.may_be_best
    assert last.endpoint < min(summary.endpoint for summary in list(result)[:-1])
    assert next(iter(result)).p == 1
    assert f"{BEST} diverged with seed 2 and is ranked behind those that did not" in text(result)
    assert "mean of its other 10 seeds flatters it" in text(result)
    assert max(last.ranks) == 10
    row = next(line for line in result.table().to_text().splitlines() if f" {BEST} " in line)
    assert row.split()[:2] == ["!", "10"]


def test_failures_are_counted_and_named() -> None:
    """A failed trial is named with its message, and the seeds each pair keeps are counted."""
    result = troubled(message="out of memory")
    assert result["conv-act-drop-bn-pool"].failed == (4,)
    assert "conv-act-drop-bn-pool failed with seed 4: out of memory" in text(result)
    assert "only where both variants finished: 9 to 11 of 11" in text(result)
    assert all(len(summary.ranks) == 10 for summary in result)


def test_a_loss_that_is_no_number_is_a_divergence() -> None:
    """A trial that calls itself finished with a NaN loss counts as diverged."""
    outcomes = race(6)
    broken = replace(outcomes[0].epochs[-1], test_loss=math.nan)
    outcomes[0] = replace(outcomes[0], epochs=(*outcomes[0].epochs[:-1], broken))
    result = Comparison(DESCRIPTION, tuple(outcomes))
    assert result[outcomes[0].trial.variant].diverged == (0,)
    json.dumps(result.to_dict(), allow_nan=False)


def test_a_variant_without_a_result() -> None:
    """A variant of which every trial failed stands last, in no group, with dashes for numbers."""
    outcomes = [
        ended(o, "failed", "boom", epochs=0) if o.trial.variant == BEST else o for o in race(7)
    ]
    result = Comparison(DESCRIPTION, tuple(outcomes))
    last = list(result)[-1]
    assert (last.name, last.letters, last.seeds) == (BEST, "", ())
    assert "–" in result.table(full=True).to_text(200)
    assert "of 36 pairs can be told apart" in text(result)


def test_nothing_finished() -> None:
    """When every trial failed there is still a table, and it says so."""
    outcomes = tuple(ended(o, "failed", "boom", epochs=0) for o in race(2))
    result = Comparison(DESCRIPTION, outcomes)
    assert "No pair can be told apart with 0 seeds" in text(result)
    assert result.table().to_text().count("!") >= 10


@pytest.mark.parametrize("seeds", [1, 3, 11])
def test_table_fits_80_columns(seeds: int) -> None:
    """No line of the terminal's table is wider than 80, and no order's name is broken."""
    lines = comparison(seeds).table().to_text(80).splitlines()
    assert max(map(len, lines)) <= 80
    assert all(any(name in line for line in lines) for name in ORDERS)


def test_json_and_pandas(eleven: Comparison) -> None:
    """The record is JSON with settings, versions and trials; the frame has one row per variant."""
    record: dict[str, Any] = json.loads(json.dumps(eleven.to_dict(), allow_nan=False))
    assert record["settings"]["batch_size"] == [64]
    assert record["versions"] == {"torch": ["2.13.0"]}
    assert len(record["trials"]) == 110
    assert len(record["pairs"]) == 45
    assert record["trials"][0]["key"] == eleven.outcomes[0].trial.key
    assert record["ranking"][0]["name"] == BEST
    frame = eleven.to_dataframe()
    assert isinstance(frame, pd.DataFrame)
    assert frame["test_loss"].is_monotonic_increasing
    assert len(frame) == len(eleven) == 10


def test_plot_shows_every_variant(eleven: Comparison) -> None:
    """The figure has the variants best first, every seed's loss and the published figures."""
    figure = eleven.plot()
    assert list(figure.layout.yaxis.ticktext) == [summary.name for summary in eleven]
    data: tuple[Any, ...] = tuple(figure.data)
    names = {trace.name: len(trace.x) for trace in data}
    assert names == {"one seed": 110, "mean and 95 % interval": 10, "published": 10}


def test_shows_itself(eleven: Comparison) -> None:
    """A terminal and a notebook get the table."""
    assert "<caption>Ten orders on mnist, 11 seeds, 20 epochs</caption>" in eleven._repr_html_()
    assert eleven["conv-bn-act-pool-drop"].place == 1
    with pytest.raises(KeyError):
        eleven["conv"]


def _other(**changes: object) -> Outcome:
    result = outcome(ORDERS[0], 50, 0.03)
    return replace(result, trial=replace(result.trial, **changes))  # type: ignore[arg-type] # fields by name


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        ([], "no outcomes to compare"),
        ([outcome("conv-pool", 0, 0.03)], "outcome of 'conv-pool', which is none of"),
        ([*race(1), race(1)[0]], "two outcomes of 'conv-drop-bn-act-pool' with seed 0"),
        ([*race(1), _other(data="digits")], r"differ in data: \['digits', 'mnist'\]"),
        ([*race(1), _other(precision="bf16")], "differ in precision"),
        ([*race(1), _other(recipe_version=2)], "differ in recipe_version"),
    ],
)
def test_outcomes_that_do_not_belong_together(outcomes: list[Outcome], words: str) -> None:
    """Strangers, duplicates and mixtures are refused, in words, when the comparison is made."""
    with pytest.raises(UsageError, match=words):
        Comparison(DESCRIPTION, tuple(outcomes))


def test_description_that_does_not_fit() -> None:
    """A baseline that is no variant, and a level that is no probability, are refused."""
    with pytest.raises(UsageError, match="baseline 'x' is not among the variants"):
        Comparison(replace(DESCRIPTION, baseline="x"), tuple(race(1)))
    with pytest.raises(UsageError, match="level is 5"):
        Comparison(DESCRIPTION, tuple(race(1)), level=5)


def test_versions_that_differ_are_said() -> None:
    """So are networks that could not be trained all seeds at once."""
    outcomes = race(6)
    outcomes[0] = replace(outcomes[0], versions={"torch": "2.12.0"}, message="trained one by one")
    sentences = Comparison(DESCRIPTION, tuple(outcomes)).sentences()
    assert "Trials ran with different versions of torch: 2.12.0, 2.13.0." in sentences
    assert f"{ORDERS[0]}: trained one by one." in sentences


def test_a_misspelt_endpoint_is_no_divergence() -> None:
    """If no trial has it, that is said, with what they have."""
    about = replace(DESCRIPTION, endpoint=Metric("tset_loss", "test loss"), published={})
    with pytest.raises(UsageError, match="no trial measured tset_loss; they measured test_loss, "):
        list(Comparison(about, tuple(race(2))))


def test_devices_that_differ_are_said() -> None:
    """Trials from a processor and from a GPU may be compared, and the reader is told."""
    outcomes = race(2)
    outcomes[0] = replace(outcomes[0], trial=replace(outcomes[0].trial, device="cuda"))
    result = Comparison(DESCRIPTION, tuple(outcomes))
    assert "Trials ran on different devices: cpu, cuda." in text(result)


def test_one_variant_alone() -> None:
    """One variant has nothing to be told apart from, and still a table, even if a trial failed."""
    outcomes = race(7, ORDERS[:1])
    outcomes[0] = ended(outcomes[0], "failed", "boom")
    alone = Comparison(ComparisonDescription("One", ORDERS[:1]), tuple(outcomes))
    assert ORDERS[0] in alone.table().to_text()
    assert "told apart" not in text(alone)


def test_a_stricter_level_takes_more_seeds() -> None:
    """Seven seeds can show nothing at 1 %, and eight can."""
    assert "with 7 seeds" in text(Comparison(DESCRIPTION, tuple(race(7)), level=0.01))
    assert Comparison(DESCRIPTION, tuple(race(8)), level=0.01).analysis.groups


def test_seeds_that_two_variants_share_are_what_counts() -> None:
    """Eight seeds each, of which three are shared, cannot tell two variants apart."""
    outcomes = [
        result
        for result in race(13, ORDERS[:2])
        if (result.trial.seed < 8) == (result.trial.variant == ORDERS[0])
        or 5 <= result.trial.seed < 8
    ]
    result = Comparison(ComparisonDescription("Two", ORDERS[:2]), tuple(outcomes))
    assert [len(summary.seeds) for summary in result] == [8, 8]
    assert all(summary.interval for summary in result)
    assert "with 3 seeds" in text(result)


@pytest.mark.parametrize(
    ("package", "call", "extra"),
    [
        ("pandas", "c.to_dataframe()", "lab"),
        ("plotly", "c.plot()", "report"),
        ("plotly", "to_html(c)", "report"),
        ("jinja2", "to_html(c)", "report"),
    ],
)
def test_a_missing_library_is_named(package: str, call: str, extra: str) -> None:
    """Without an optional library, what needs it says what to install, and the rest works."""
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        f"sys.path.insert(0, {str(Path(synthetic_outcomes.__file__).parent)!r})\n"
        "from normdrop.errors import NormdropError\n"
        "from normdrop.report import to_html\n"
        "from synthetic_outcomes import comparison\n"
        "c = comparison(1)\n"
        "c.table(full=True).to_html(), c.to_dict()\n"
        f"try:\n    {call}\n"
        "except NormdropError as error:\n    print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert package in result.stdout
    assert result.stdout.strip().endswith(f"install normdrop[{extra}]")
