"""From outcomes to summaries: the statistics of a comparison, computed once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from normdrop.errors import UsageError
from normdrop.lab.comparison._description import ComparisonDescription
from normdrop.lab.comparison._grid import Grid
from normdrop.lab.statistics import (
    AllPairs,
    Interval,
    against_baseline,
    all_pairs,
    indistinguishable,
    letters,
    seed_ranks,
    seeds_needed,
    sign_flip_interval,
    student_interval,
)


@dataclass(frozen=True)
class VariantSummary:
    """One variant over its seeds. Means are over finished trials, NaN if there is none.

    Attributes:
        name: The variant.
        place: Its place in the ranking, 1 for the lowest mean endpoint; one that diverged with any
            seed stands behind all that did not.
        endpoint: Mean of the endpoint, such as the test loss; `points` has each finished seed's.
        interval: Student's 95 % interval of the mean; None with fewer than 6 finished seeds.
        metrics: The mean of every other metric, by name.
        seconds: Mean duration of a finished trial.
        ranks: Its rank within each seed in which every variant finished or diverged.
        difference: Mean difference from the baseline, paired by seed; None without a baseline.
        difference_interval: Its interval by inverting the sign-flip test.
        seeds: The finished seeds, and those that diverged and failed.
        published: What the source prints, by metric.
        p: Adjusted p-value: of a difference from the baseline if there is one (None for the
            baseline itself), else of "no variant that never diverged has a lower mean loss" (None
            for one that diverged).
        letters: Variants that share no letter can be told apart; empty where seeds are too few.
        may_be_best: It never diverged, and no variant that never diverged is shown to be better.
    """

    name: str
    place: int
    endpoint: float
    points: tuple[float, ...]
    interval: Interval | None
    metrics: Mapping[str, float]
    seconds: float
    ranks: tuple[float, ...]
    difference: float | None
    difference_interval: Interval | None
    seeds: tuple[int, ...]
    diverged: tuple[int, ...]
    failed: tuple[int, ...]
    published: Mapping[str, float]
    p: float | None = None
    letters: str = ""
    may_be_best: bool = False

    @property
    def mean_rank(self) -> float | None:
        """Mean of its ranks; None if no seed is complete."""
        return sum(self.ranks) / len(self.ranks) if self.ranks else None


@dataclass(frozen=True)
class Analysis:
    """Every number of a comparison; rows of `pairs` and the groups follow the ranking.

    Attributes:
        ranking: The variants' summaries, best first.
        pairs: All pairs.
        groups: The largest sets of variants that cannot be told apart, as indices in the ranking;
            empty where no pair has enough seeds to be told apart.
    """

    ranking: tuple[VariantSummary, ...]
    pairs: AllPairs
    groups: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class _Numbers:
    """Arrays of shape (variants, seeds), rows already in the ranking's order."""

    names: tuple[str, ...]
    endpoint: NDArray[np.float64]
    metrics: Mapping[str, NDArray[np.float64]]
    diverged: NDArray[np.bool_]
    failed: NDArray[np.bool_]


def analysed(description: ComparisonDescription, grid: Grid, level: float) -> Analysis:
    """Rank the variants, compare all pairs, and each with the baseline or the best."""
    _check_endpoint(description, grid)
    numbers = _ordered(description, grid)
    pairs = all_pairs(numbers.endpoint)
    behind = _behind_best(numbers, pairs)
    p = _p_values(description.baseline, numbers, behind)
    finished = np.array([bool(np.isfinite(row).any()) for row in numbers.endpoint])
    groups = _groups(pairs, finished, level)
    shown = letters(groups, len(numbers.names))
    ranks = seed_ranks(numbers.endpoint, numbers.diverged)
    ranking = tuple(
        replace(
            _summary(row, grid, numbers, description, ranks[row]),
            p=p[row],
            letters=shown[row],
            may_be_best=(behind[row] or 0) > level,
        )
        for row in range(len(numbers.names))
    )
    return Analysis(ranking, pairs, groups)


def _check_endpoint(description: ComparisonDescription, grid: Grid) -> None:
    """Raise if no trial that finished has the endpoint: a misspelt one is no divergence."""
    finished = [o for o in grid.outcomes.values() if o.status == "finished"]
    if finished and not any(description.endpoint.name in o.values for o in finished):
        known = ", ".join(finished[0].values) or "nothing"
        raise UsageError(f"no trial measured {description.endpoint.name}; they measured {known}")


def _ordered(description: ComparisonDescription, grid: Grid) -> _Numbers:
    """Lowest mean endpoint first; behind them those that diverged; last those without a result."""
    endpoint = description.endpoint.name
    values = grid.values(endpoint)
    diverged = grid.ended("diverged", endpoint)
    means = np.array([_mean(row) for row in values])
    order = np.lexsort((means, diverged.any(axis=1), np.isnan(means)))
    return _Numbers(
        names=tuple(grid.variants[row] for row in order),
        endpoint=values[order],
        metrics={metric.name: grid.values(metric.name)[order] for metric in description.metrics},
        diverged=diverged[order],
        failed=grid.ended("failed", endpoint)[order],
    )


def _mean(values: NDArray[np.float64]) -> float:
    present = values[np.isfinite(values)]
    return float(present.mean()) if len(present) else np.nan


def _behind_best(numbers: _Numbers, pairs: AllPairs) -> list[float | None]:
    """P-values against the best; a variant that diverged or has no result cannot be the best."""
    steady = np.array(
        [
            bool(np.isfinite(values).any()) and not diverged.any()
            for values, diverged in zip(numbers.endpoint, numbers.diverged, strict=True)
        ]
    )
    p = pairs.against_best(leaders=steady)
    return [float(value) if kept else None for value, kept in zip(p, steady, strict=True)]


def _p_values(
    baseline: str | None, numbers: _Numbers, behind: list[float | None]
) -> list[float | None]:
    """P-values against the baseline if there is one, else against the best."""
    if baseline is None:
        return behind
    p = against_baseline(numbers.endpoint, numbers.names.index(baseline))
    return [None if np.isnan(value) else float(value) for value in p]


def _groups(
    pairs: AllPairs, finished: NDArray[np.bool_], level: float
) -> tuple[tuple[int, ...], ...]:
    """The largest sets that cannot be told apart, of the variants of which anything is known."""
    if pairs.most_seeds < seeds_needed(1, level):
        return ()
    known = finished[:, None] & finished[None, :]
    groups = indistinguishable(pairs.different(level) | (~known & ~np.eye(len(known), dtype=bool)))
    return tuple(group for group in groups if finished[group[0]])


def _summary(
    row: int,
    grid: Grid,
    numbers: _Numbers,
    description: ComparisonDescription,
    ranks: NDArray[np.float64],
) -> VariantSummary:
    """What a variant's own trials say; the tests' verdicts are filled in by the caller."""
    name = numbers.names[row]
    values = numbers.endpoint[row]
    finished = np.isfinite(values)
    difference = _difference(row, numbers, description.baseline)
    return VariantSummary(
        name=name,
        place=row + 1,
        endpoint=_mean(values),
        points=tuple(values[finished].tolist()),
        interval=student_interval(values),
        metrics={metric: _mean(taken[row]) for metric, taken in numbers.metrics.items()},
        seconds=_mean(np.array([o.seconds for o in grid.of(name) if o.status == "finished"])),
        ranks=tuple(ranks.tolist()),
        difference=None if difference is None else _mean(difference),
        difference_interval=None if difference is None else sign_flip_interval(difference),
        seeds=_seeds(grid, finished),
        diverged=_seeds(grid, numbers.diverged[row]),
        failed=_seeds(grid, numbers.failed[row]),
        published={
            metric: values[name]
            for metric, values in description.published.items()
            if name in values
        },
    )


def _difference(row: int, numbers: _Numbers, baseline: str | None) -> NDArray[np.float64] | None:
    if baseline is None or numbers.names[row] == baseline:
        return None
    return np.asarray(numbers.endpoint[row] - numbers.endpoint[numbers.names.index(baseline)])


def _seeds(grid: Grid, chosen: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(seed for seed, keep in zip(grid.seeds, chosen, strict=True) if keep)
