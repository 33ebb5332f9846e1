"""The history of a training's shifts: what it says, and how it shows."""

import json
import math

import pytest

from normdrop.shifts.report import ShiftHistory

_HISTORY = ShiftHistory(
    (10, 20, 30),
    {"good": (1.0, 0.99, 1.01), "bad": (0.4, 1.6, 0.7), "late": (math.nan, math.nan, 0.9)},
    {"good": (0.0, 0.0, 0.0), "bad": (0.1, 0.2, 0.3), "late": (math.nan, math.nan, 0.0)},
)


def test_table_ranks_by_the_last_shift() -> None:
    """The layer that ended worst is on top and marked; its worst moment is named."""
    lines = str(_HISTORY).splitlines()
    rows = [line.split() for line in lines if line.lstrip("! ").startswith(("good", "bad", "late"))]
    assert rows[0] == ["!", "bad", "0.400", "0.400", "10", "0.700", "error"]
    assert rows[1][:4] == ["!", "late", "not", "called"]
    assert rows[2] == ["good", "1.000", "0.990", "20", "1.010", "note"]
    assert "3 measurements up to step 30" in lines[-1]
    assert max(map(len, lines)) <= 80


def test_values_survive_json() -> None:
    """NaN, which JSON cannot say, becomes null."""
    read = json.loads(json.dumps(_HISTORY.to_dict(), allow_nan=False))
    assert read["steps"] == [10, 20, 30]
    assert read["shifts"]["late"] == [None, None, 0.9]


def test_data_frame_has_a_row_per_measurement_and_layer() -> None:
    """Nine rows, with severities."""
    frame = _HISTORY.to_dataframe()
    assert len(frame) == 9
    row = frame[(frame["step"] == 20) & (frame["path"] == "bad")].iloc[0]
    assert row["shift"] == pytest.approx(1.6)
    assert row["mean_shift"] == pytest.approx(0.2)
    assert row["severity"] == "error"


def test_plot_draws_the_worst_over_their_steps() -> None:
    """One line a layer, over the steps measured, the farthest from 1 first."""
    lines = json.loads(str(_HISTORY.plot(most=2).to_json()))["data"]
    assert [line["name"] for line in lines] == ["bad", "late"]
    assert lines[0]["x"] == [10, 20, 30]


def test_an_empty_history_says_so() -> None:
    """Before the first measurement there is a table without rows."""
    empty = ShiftHistory((), {}, {})
    assert "Nothing has been measured" in str(empty)
    assert empty.last == {}
    assert len(empty.to_dataframe()) == 0
    assert "Nothing" in empty._repr_html_()
