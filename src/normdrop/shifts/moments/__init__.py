"""Means and variances carried through a graph: the expected shift without data."""

from normdrop.shifts.moments._report import carried_report as carried_report
from normdrop.shifts.moments._report import expected_shifts as expected_shifts
from normdrop.shifts.moments._report import stored_shifts as stored_shifts
