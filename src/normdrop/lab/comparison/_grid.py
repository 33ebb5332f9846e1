"""Outcomes as arrays: one row per variant, one column per seed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from normdrop.errors import UsageError
from normdrop.lab.trial import Outcome, Status

# Trials that differ in one of these answer different questions.
_SHARED = ("recipe", "recipe_version", "data", "data_checksum", "precision")


@dataclass(frozen=True)
class Grid:
    """The outcomes of every variant (row) with every seed (column)."""

    variants: tuple[str, ...]
    seeds: tuple[int, ...]
    outcomes: Mapping[tuple[str, int], Outcome]

    def values(self, metric: str) -> NDArray[np.float64]:
        """A metric of every trial, shape (variants, seeds); NaN where a trial has none."""
        rows = [[self._value(v, s, metric) for s in self.seeds] for v in self.variants]
        return np.array(rows, dtype=np.float64)  # a metric may count in whole numbers

    def _value(self, variant: str, seed: int, metric: str) -> float:
        outcome = self.outcomes.get((variant, seed))
        return np.nan if outcome is None else outcome.values.get(metric, np.nan)

    def ended(self, status: Status, endpoint: str) -> NDArray[np.bool_]:
        """Which trials ended so; one that finished with an endpoint that is no number diverged."""
        return np.array(
            [[self._status(v, s, endpoint) == status for s in self.seeds] for v in self.variants]
        )

    def _status(self, variant: str, seed: int, endpoint: str) -> Status | None:
        outcome = self.outcomes.get((variant, seed))
        if outcome is None:
            return None
        no_number = outcome.status == "finished" and not np.isfinite(
            outcome.values.get(endpoint, np.nan)
        )
        return "diverged" if no_number else outcome.status

    def of(self, variant: str) -> list[Outcome]:
        """A variant's outcomes, by seed."""
        found = (self.outcomes.get((variant, seed)) for seed in self.seeds)
        return [outcome for outcome in found if outcome is not None]


def arranged(variants: Sequence[str], outcomes: Iterable[Outcome]) -> Grid:
    """Arrange outcomes by variant and seed.

    Raises:
        UsageError: If there are none, if one's variant is not among the variants, if two have the
            same variant and seed, or if they differ in recipe, data or precision.
    """
    placed: dict[tuple[str, int], Outcome] = {}
    for outcome in outcomes:
        trial = outcome.trial
        place = (trial.variant, trial.seed)
        if trial.variant not in variants:
            raise UsageError(f"outcome of {trial.variant!r}, which is none of {list(variants)}")
        if place in placed:
            raise UsageError(f"two outcomes of {trial.variant!r} with seed {trial.seed}: keep one")
        placed[place] = outcome
    if not placed:
        raise UsageError("no outcomes to compare: run at least one trial")
    for name in _SHARED:
        values = sorted({str(getattr(outcome.trial, name)) for outcome in placed.values()})
        if len(values) > 1:
            raise UsageError(f"outcomes differ in {name}: {values}; compare those of one at a time")
    return Grid(tuple(variants), tuple(sorted({seed for _, seed in placed})), placed)
