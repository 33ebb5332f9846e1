"""Which variants differ: all pairs, against the best, and against a fixed baseline."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from normdrop.lab.statistics._permutation import holm, sign_flip_test, step_down


@dataclass(frozen=True)
class AllPairs:
    """Every variant against every other one, each array of shape (variants, variants).

    Attributes:
        difference: Mean of row's loss − column's loss over the seeds both finished; NaN if none.
        p: Adjusted p-value of that difference; 1 on the diagonal.
        seeds: How many seeds both finished.
    """

    difference: NDArray[np.float64]
    p: NDArray[np.float64]
    seeds: NDArray[np.int64]

    @property
    def most_seeds(self) -> int:
        """The most seeds that any two variants share."""
        between = self.seeds[np.triu_indices(len(self.seeds), 1)]
        return int(between.max(initial=0))

    def against_best(self, leaders: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """For each variant, the adjusted p-value of "no variant has a lower mean loss".

        The smallest adjusted p-value among the pairs in which the variant is behind; 1 if it is
        behind in none. The adjustment is over all pairs, because the largest |t| of all pairs in a
        flip is the largest lag behind whichever variant leads in *that* flip: the best is chosen
        anew each time. Choosing it once and testing against it would use the same seeds twice.

        Args:
            leaders: Which variants may be the best, shape (variants,); by default all.
        """
        behind = self.difference > 0
        if leaders is not None:
            behind &= leaders
        return np.asarray(np.where(behind, self.p, 1.0).min(axis=1))

    def different(self, level: float = 0.05) -> NDArray[np.bool_]:
        """Which pairs can be told apart when any false claim may occur with chance `level`."""
        return self.p <= level


def all_pairs(
    losses: NDArray[np.float64], generator: np.random.Generator | None = None
) -> AllPairs:
    """Compare every pair of variants, paired by seed, by the step-down maximum over sign flips.

    Args:
        losses: Shape (variants, seeds); NaN where a trial did not finish. A seed enters a pair
            only where both finished.
        generator: Draws flips where there are more than 16 seeds; see `sign_flips`.

    Example:
        >>> losses = np.array([[1.0, 1.1, 0.9, 1.0, 1.2, 1.1], [2.0, 2.2, 1.8, 2.1, 2.2, 2.0]])
        >>> float(all_pairs(losses).p[0, 1])
        0.03125
    """
    variants = len(losses)
    first, second = np.triu_indices(variants, 1)
    differences = losses[first] - losses[second]
    p = np.ones((variants, variants))
    p[first, second] = p[second, first] = step_down(differences, generator)
    finished = np.isfinite(losses).astype(np.int64)
    return AllPairs(_mean_differences(losses), p, finished @ finished.T)


def _mean_differences(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    differences = losses[:, None, :] - losses[None, :, :]
    present = np.isfinite(differences)
    counts = present.sum(axis=-1)
    sums = np.where(present, differences, 0.0).sum(axis=-1)
    means = np.full(counts.shape, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means


def against_baseline(
    losses: NDArray[np.float64], baseline: int, generator: np.random.Generator | None = None
) -> NDArray[np.float64]:
    """Compare every variant with one chosen before the experiment: exact sign flips, then Holm.

    Args:
        losses: Shape (variants, seeds); NaN where a trial did not finish.
        baseline: The row of the baseline.
        generator: Draws flips where there are more than 16 seeds; see `sign_flips`.

    Returns:
        Adjusted p-values, shape (variants,); NaN for the baseline itself.
    """
    others = np.array([variant for variant in range(len(losses)) if variant != baseline], dtype=int)
    raw = np.array(
        [sign_flip_test(losses[variant] - losses[baseline], generator) for variant in others]
    )
    adjusted = np.full(len(losses), np.nan)
    adjusted[others] = holm(raw)
    return adjusted
