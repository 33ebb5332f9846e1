"""What answers by two sets of statistics say of a shift's cost."""

import math

import numpy as np
import pytest

from normdrop.shifts.report import cost_of


def test_share_of_answers_that_change() -> None:
    """Of several outputs the largest is the answer; one of four moves."""
    right = np.eye(4)[[0, 1, 2, 3]]
    stored = np.eye(4)[[0, 1, 2, 0]]
    found = cost_of([stored], [right], [right], "measured")
    assert found is not None
    assert (found.changed, found.answers, found.severity) == (0.25, 4, "error")


def test_every_position_answers() -> None:
    """Maps of classes are answers pixel by pixel, channels last."""
    right = np.zeros((2, 5, 5, 3))
    right[..., 1] = 1
    stored = right.copy()
    stored[0, 0, 0] = (2, 0, 0)
    found = cost_of([stored], [right], [right], "measured")
    assert found is not None
    assert (found.answers, found.changed) == (50, 0.02)


def test_values_move_by_their_deviation() -> None:
    """A single output has no classes: it moves, whatever its unit."""
    right = np.random.default_rng(0).normal(7, 20, (4000, 1))
    found = cost_of([right + 10], [right], [right], "invert")
    assert found is not None
    assert math.isnan(found.changed)
    assert found.moved == pytest.approx(0.5, abs=0.02)
    assert found.to_dict()["changed"] is None
    assert "found by inversion" in str(found)


def test_scaled_scores_give_the_same_answers() -> None:
    """Outputs that only shrink cost no answer, but sureness."""
    right = np.random.default_rng(0).normal(size=(100, 10))
    found = cost_of([right * 0.5], [right], [right], "measured")
    assert found is not None
    assert (found.changed, found.severity) == (0, "error")
    assert found.moved == pytest.approx(0.5, abs=0.01)


def test_noise_of_right_statistics_is_taken_off() -> None:
    """What half the examples change by themselves is no cost."""
    generator = np.random.default_rng(0)
    right = generator.normal(size=(4000, 1))
    noise = generator.normal(size=(2, 4000, 1)) * 0.1
    found = cost_of([right + noise[0]], [right], [right + noise[1]], "measured")
    assert found is not None
    assert found.moved < 0.02


@pytest.mark.parametrize("outputs", [[], [np.zeros((0, 3))], [np.full((3, 2), np.nan)]])
def test_without_numbers_there_is_no_cost(outputs: list[np.ndarray]) -> None:
    """No output, none of any example, or none that is finite."""
    assert cost_of(outputs, outputs, outputs, "measured") is None


def test_same_outputs_cost_nothing() -> None:
    """Also constant ones, which have no deviation."""
    outputs = [np.ones((3, 1))]
    found = cost_of(outputs, outputs, outputs, "measured")
    assert found is not None
    assert (found.moved, found.severity) == (0, "note")
