"""Exported results hold every number of a comparison, and say when they are damaged."""

import csv
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_outcomes import DESCRIPTION, ORDERS, comparison, race, troubled

from normdrop.errors import StoreError
from normdrop.lab.comparison import Comparison
from normdrop.lab.results import read_curves, read_results, write_results
from normdrop.lab.trial import Outcome

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def _final(result: Comparison) -> list[Outcome]:
    """The outcomes with what an export keeps: the last epoch without its time."""
    return [
        replace(o, epochs=tuple(replace(e, seconds=0.0) for e in o.epochs[-1:]), seconds=0.0)
        for o in result.outcomes
    ]


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    """Trials keep their keys and numbers to the last bit; tables and sentences are the same."""
    first, second = troubled(), comparison(7)
    second = replace(second, description=replace(DESCRIPTION, panel="7", baseline=ORDERS[1]))
    home = write_results([first, second], tmp_path)
    assert home == tmp_path / "ten-orders"
    for before, after in zip((first, second), read_results(home), strict=True):
        assert after.description == before.description
        assert _final(after) == _final(before)
        assert [o.trial.key for o in after.outcomes] == [o.trial.key for o in before.outcomes]
        assert after.sentences() == before.sentences()
        assert after.table().to_text() == before.table().to_text()


@given(
    values=st.lists(FLOATS, min_size=2, max_size=4),
    name=st.text(st.characters(categories=("L", "N", "P", "Zs")), min_size=1),
    message=st.text(),
)
def test_any_number_and_name_comes_back(values: list[float], name: str, message: str) -> None:
    """Measures, names with commas and quotes, messages with line breaks."""
    plain = race(len(values), ORDERS[:1])
    outcomes = [
        replace(o, measures={"own": value}, message=message, trial=replace(o.trial, variant=name))
        for o, value in zip(plain, values, strict=True)
    ]
    description = replace(DESCRIPTION, variants=(name,), published={}, baseline=None)
    with tempfile.TemporaryDirectory() as folder:
        (read,) = read_results(
            write_results([Comparison(description, tuple(outcomes))], Path(folder))
        )
    assert [o.measures["own"] for o in read.outcomes] == values
    assert {(o.trial.variant, o.message) for o in read.outcomes} == {(name, message)}


@pytest.mark.parametrize("name", ["test_loss", "seconds", "measured test_loss", "own"])
@pytest.mark.parametrize("epochs", [True, False])
def test_a_measure_may_be_called_like_a_column(name: str, tmp_path: Path, *, epochs: bool) -> None:
    """An experiment has a test loss of its own; a trained network's stays beside it."""
    outcomes = [
        replace(o, measures={name: 7.0 + n}, epochs=o.epochs if epochs else ())
        for n, o in enumerate(race(2, ORDERS[:1]))
    ]
    description = replace(DESCRIPTION, variants=ORDERS[:1], published={}, baseline=None)
    written = Comparison(description, tuple(outcomes))
    (read,) = read_results(write_results([written], tmp_path))
    assert [o.values for o in read.outcomes] == [o.values for o in outcomes]
    assert [o.values[name] for o in read.outcomes] == [7.0, 8.0]


def test_curves_are_means_over_seeds(tmp_path: Path) -> None:
    """A row per variant and epoch, to five digits."""
    result = comparison(3)
    curves = read_curves(write_results([result], tmp_path))
    assert len(curves) == len(ORDERS)
    mine = [o.epochs[4].test_loss for o in result.outcomes if o.trial.variant == ORDERS[2]]
    assert curves["", ORDERS[2]][4]["test_loss"] == pytest.approx(sum(mine) / 3, rel=1e-4)
    assert [row["epoch"] for row in curves["", ORDERS[2]]] == list(range(1, 21))


def test_damage_is_said_in_one_line(tmp_path: Path) -> None:
    """A missing folder, a newer format, a changed status and a cut table."""
    home = write_results([comparison(2)], tmp_path)
    with pytest.raises(StoreError, match="no results of `normdrop compare --export`"):
        read_results(tmp_path / "nothing")
    about = (home / "about.json").read_text("utf-8")
    (home / "about.json").write_text(json.dumps({**json.loads(about), "format": 9}))
    with pytest.raises(StoreError, match="results of format 9; this reads 1"):
        read_results(home)
    (home / "about.json").write_text(about)
    rows = list(csv.reader((home / "trials.csv").read_text("utf-8").splitlines()))
    rows[1][rows[0].index("status")] = "started"
    with (home / "trials.csv").open("w", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    with pytest.raises(StoreError, match="has status 'started'"):
        read_results(home)
