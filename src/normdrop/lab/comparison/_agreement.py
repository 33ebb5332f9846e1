"""Whether the source's figures order the variants as they are ordered here."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from normdrop.lab.comparison._results import Results
from normdrop.lab.statistics import FEWEST_SEEDS

_TWO_SIDED = 1.96  # deviations that 95 % of normal values stay within


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
    The noise is that of the source's repeats, or, where it shows none, that of means of as many
    runs which scatter as ours do.
    """
    ranking = results.analysis.ranking
    pairs = results.analysis.pairs
    upper = np.triu_indices(len(ranking), 1)
    different = pairs.different(results.level)
    agree, against = 0, []
    judged = different | _apart_from_baseline(results)
    for row, column in np.argwhere(judged & (pairs.difference < 0)):
        pair = ranking[row].name, ranking[column].name
        if (same := _same_order(results, *pair)) is not None:
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


def _same_order(results: Results, lower: str, higher: str) -> bool | None:
    """Whether the source has the first below the second; `None` if it orders them neither way."""
    about = results.description
    figures = about.published.get(about.endpoint.name, {})
    if lower in figures and higher in figures:
        difference = figures[higher] - figures[lower]
        noise = source_noise(results, lower, higher)
        if abs(difference) > noise and not math.isclose(abs(difference), noise):
            return difference > 0
    if (lower, higher) in about.claims:
        return True
    return False if (higher, lower) in about.claims else None


def source_noise(results: Results, first: str, second: str) -> float:
    """How far two published figures of one thing may lie apart."""
    about = results.description
    if not about.published_runs:
        return about.published_noise
    points = [np.asarray(results[name].points) for name in (first, second)]
    if min(map(len, points)) < FEWEST_SEEDS:
        return math.inf
    variances = sum(float(values.var(ddof=1)) for values in points)
    return max(about.published_noise, _TWO_SIDED * math.sqrt(variances / about.published_runs))
