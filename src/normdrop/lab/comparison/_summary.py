"""What the trials of one variant say together."""

from collections.abc import Mapping
from dataclasses import dataclass

from normdrop.lab.statistics import Interval


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
