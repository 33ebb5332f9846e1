"""Means and variances carried through a graph: the expected shift without data."""

from ._carried import carried_report as carried_report
from ._report import expected_shifts as expected_shifts
from ._stored import stored_shifts as stored_shifts
