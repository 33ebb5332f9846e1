"""Ranks within each seed, groups of variants that cannot be told apart, and their letters."""

import string
from collections.abc import Sequence

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


def indistinguishable(different: NDArray[np.bool_]) -> list[tuple[int, ...]]:
    """The largest groups within which no two variants can be told apart.

    They are the maximal cliques of the graph that joins variants which do not differ: every pair
    that cannot be told apart shares a group, no pair that can does. "Not told apart" is no
    equivalence: A and B, B and C may share groups while A and C differ.

    Args:
        different: Symmetric, shape (variants, variants): which pairs can be told apart.

    Returns:
        Groups in order of their members, each ascending; a variant that differs from all others is
        a group of its own.

    Example:
        >>> different = np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=bool)
        >>> indistinguishable(different)
        [(0, 1), (1, 2)]
    """
    from networkx import find_cliques, from_numpy_array

    return sorted(tuple(sorted(clique)) for clique in find_cliques(from_numpy_array(~different)))


def group_letter(number: int) -> str:
    """The letter of a group, counted from 0: a to z, A to Z, then the same with a prime.

    Example:
        >>> [group_letter(number) for number in (0, 25, 26, 52)]
        ['a', 'z', 'A', "a'"]
    """
    primes, place = divmod(number, len(string.ascii_letters))
    return string.ascii_letters[place] + "'" * primes


def letters(groups: Sequence[Sequence[int]], variants: int) -> list[str]:
    """One string per variant: variants that share no letter differ (a compact letter display).

    See Piepho 2004, "An algorithm for a letter-based representation of all-pairwise comparisons".

    Example:
        >>> letters([(0, 1), (1, 2)], 3)
        ['a', 'ab', 'b']
    """
    return [
        "".join(group_letter(number) for number, group in enumerate(groups) if variant in group)
        for variant in range(variants)
    ]
