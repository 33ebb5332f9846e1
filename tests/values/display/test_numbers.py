"""Numbers are shown with the digits that their uncertainty bears."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normdrop.values.display import duration, percentage, rounded, with_uncertainty


@pytest.mark.parametrize(
    ("value", "uncertainty", "expected"),
    [
        (0.0388868, 0.00213, "0.0389"),
        (0.0388868, 0.000999, "0.0389"),
        (0.0388868, 0.00067, "0.0389"),
        (0.0388868, 0.00034, "0.03889"),
        (0.827, 0.119, "0.83"),
        (0.827, 0.367, "0.8"),
        (12.3456, 0.5, "12.3"),
        (1234.5, 210.0, "1234"),
        (-0.5, 0.02, "-0.500"),
        (0.04, 0.0, "0.04000"),
        (0.04, math.inf, "0.04000"),
        (0.0, None, "0"),
        (math.inf, 0.1, "inf"),
        (math.nan, None, "nan"),
    ],
)
def test_rounded(value: float, uncertainty: float | None, expected: str) -> None:
    """The uncertainty's one or two digits decide the decimals; four where none is known."""
    assert rounded(value, uncertainty) == expected


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_rounding_costs_little_of_the_uncertainty(value: float, uncertainty: float) -> None:
    """A rounded value is within a seventh of the uncertainty, or within half a unit."""
    error = abs(float(rounded(value, uncertainty)) - value)
    assert error <= max(uncertainty / 7, 0.5) + 1e-9


def test_with_uncertainty_agrees_in_decimals() -> None:
    """Value and uncertainty end in the same decimal place."""
    assert with_uncertainty(0.0388868, 0.00213) == "0.0389 ± 0.0021"
    assert with_uncertainty(3.0, 12.4) == "3 ± 12"


def test_durations_and_percentages() -> None:
    """Time spans carry over at the minute and the hour; fractions become percentages."""
    assert [duration(s) for s in (0.04, 59.9, 60.0, 3599.7, 86_400)] == [
        *("0.0 s", "59.9 s", "1 min 0 s", "1 h 0 min", "24 h 0 min")
    ]
    assert percentage(0.5, 0) == "50 %"
