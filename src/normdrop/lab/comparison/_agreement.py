"""Whether the source's figures order the variants as they are ordered here."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from normdrop.lab.comparison._description import ComparisonDescription
from normdrop.lab.comparison._results import Results


@dataclass(frozen=True)
class Agreement:
    """The pairs of variants that are told apart here, beside the source's figures.

    Attributes:
        pairs: How many pairs have results.
        apart: How many of them are told apart among all pairs.
        agree: How many of those, and of pairs told apart from the baseline by its own test, the
            source orders the same way, by its figures or in words.
        against: Those that it orders the other way: lower here, higher here.
    """

    pairs: int
    apart: int
    agree: int
    against: tuple[tuple[str, str], ...]

    @property
    def judged(self) -> int:
        """How many of the pairs told apart, by either test, the source orders at all."""
        return self.agree + len(self.against)


def agreement(results: Results) -> Agreement:
    """Hold a comparison against the published figures of its endpoint.

    A pair that is not told apart contradicts nothing, and neither does one whose published figures
    are missing or no farther apart than their noise; what the source says in words then counts.
    """
    ranking = results.analysis.ranking
    pairs = results.analysis.pairs
    upper = np.triu_indices(len(ranking), 1)
    different = pairs.different(results.level)
    agree, against = 0, []
    judged = different | _apart_from_baseline(results)
    for row, column in np.argwhere(judged & (pairs.difference < 0)):
        pair = ranking[row].name, ranking[column].name
        if (same := _same_order(results.description, *pair)) is not None:
            agree += same
            against += [] if same else [pair]
    known, apart = (int(found[upper].sum()) for found in (pairs.seeds > 0, different))
    return Agreement(known, apart, agree, tuple(against))


def _apart_from_baseline(results: Results) -> NDArray[np.bool_]:
    """Which pairs hold the baseline and a variant that differs from it by the baseline's test."""
    ranking, baseline = results.analysis.ranking, results.description.baseline
    is_baseline = np.array([summary.name == baseline for summary in ranking])
    differs = np.array(
        [summary.p is not None and summary.p <= results.level for summary in ranking]
    )
    pairs = is_baseline[:, None] & differs
    return np.asarray(pairs | pairs.T)


def _same_order(about: ComparisonDescription, lower: str, higher: str) -> bool | None:
    """Whether the source has the first below the second; `None` if it orders them neither way."""
    figures = about.published.get(about.endpoint.name, {})
    if lower in figures and higher in figures:
        difference = figures[higher] - figures[lower]
        noise = about.published_noise
        if abs(difference) > noise and not math.isclose(abs(difference), noise):
            return difference > 0
    if (lower, higher) in about.claims:
        return True
    return False if (higher, lower) in about.claims else None
