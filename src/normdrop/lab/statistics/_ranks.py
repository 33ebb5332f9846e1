"""Ranks of variants within each seed."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats


def seed_ranks(losses: NDArray[np.float64], diverged: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The variants' ranks in every seed: 1 for the lowest loss, ties share their mean rank.

    A variant that diverged stands behind all that finished. A seed in which a trial is missing for
    any other reason ranks nobody, since its ranks would count fewer variants than the others'.

    Args:
        losses: Shape (variants, seeds); NaN where a trial did not finish.
        diverged: Where a trial diverged, same shape.

    Returns:
        Ranks of shape (variants, complete seeds).

    Example:
        >>> losses = np.array([[0.1, 0.3, 0.2], [0.2, 0.1, np.nan], [0.3, np.nan, 0.1]])
        >>> seed_ranks(losses, np.array([[0, 0, 0], [0, 0, 0], [0, 1, 0]], dtype=bool))
        array([[1., 2.],
               [2., 1.],
               [3., 3.]])
    """
    ordered = np.where(diverged, np.inf, losses)
    complete = ~np.isnan(ordered).any(axis=0)
    return np.asarray(stats.rankdata(ordered[:, complete], axis=0))
